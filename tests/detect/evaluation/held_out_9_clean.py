"""The ninth set: functions without a pitfall, written before the detector ran on them."""

import math

import numpy as np

from tests.detect.evaluation.case import case

RNG = np.random.default_rng(919)


def brake_distance_below(speed, limit, deceleration):
    excess = speed - limit
    penalty = 12.0 * excess if excess > 0.0 else 0.0
    return 0.5 * speed * speed / deceleration + penalty


def avalanche_smooth(shear, yield_stress, viscosity):
    rate = 0.1 * np.logaddexp(0.0, (shear - yield_stress) / 0.1) / viscosity
    return np.sum(rate) * 9.81


def hearing_level_loud(pressures):
    return 20.0 * np.log10(np.sqrt(np.mean(pressures * pressures)) / 2e-5)


def rake_by_tangent(tip, heel):
    return math.atan2(tip - heel, 1.0 + tip * heel)


def dialysis_guarded(urea, volume):
    there = urea > 0.0
    safe = np.where(there, urea, 1.0)
    return -np.sum(np.where(there, urea * np.log(safe), 0.0)) * volume


def ink_all_layers(densities, paper):
    light = paper
    for k in range(densities.size):
        light = light * math.exp(-0.7 * densities[k])
    return light * light


def crystal_trace(a, b, tilt):
    tensor = np.array([[a, tilt], [tilt, b]])
    return np.sum(np.linalg.eigvalsh(tensor) ** 2)


def bowing_noise_half(width):
    s = math.sin(0.5 * width) / (0.5 * width)
    return 0.5 * s * s


def laser_gain_stable(pump):
    return np.logaddexp(0.0, pump)


def lift_fixed_stops(height, stops):
    time = 0.0
    for k in range(stops):
        time = time + 1.5 + 0.01 * k * height
    return time


def timber_by_class(length, classes, prices):
    total = 0.0
    for k in range(classes.size):
        total += prices[classes[k]] * length * length
    return total


def albedo_spline(age, a, b, c):
    x = age / 8.0
    return a + x * (b + x * c)


def loudest_value(tension, lengths):
    response = 1.0 / (1.0 + (lengths - tension) ** 2)
    return response[np.argmax(response)]


def rejected_softly(cut, grades):
    return np.mean(1.0 / (1.0 + np.exp((grades - cut) / 0.3)))


def queue_expected(probability, lengths):
    return np.sum(probability * lengths * (1.0 - probability) ** lengths)


def noisy_waits(mean, spread, normals):
    waits = mean + spread * normals
    return np.mean(np.exp(-0.1 * waits))


def reed_opening_settled(pressure):
    gap = 1.0
    for _ in range(400):
        new = 1.0 / (1.0 + pressure * gap)
        if abs(new - gap) < 1e-15:
            break
        gap = new
    return gap


def bid_by_newton(value):
    x = 1.5
    for _ in range(30):
        x = x - (x**3 + x - value) / (3.0 * x * x + 1.0)
    return x


def seepage_direct(matrix, inflow):
    head = np.linalg.solve(matrix, inflow)
    return np.sum(head * head)


def locked_moon(spin, eccentricity):
    theta, omega = 0.3, spin
    dt = 0.05
    for k in range(2000):
        torque = -0.9 * (1.0 + 0.1 * eccentricity * math.cos(k * dt)) * math.sin(theta) - 0.3 * omega
        omega += dt * torque
        theta += dt * omega
    return math.cos(theta)


def kiln_fixed_steps(loss, target):
    temperature, h = 20.0, 0.01
    for _ in range(300):
        half = temperature - 0.5 * h * loss * (temperature - target)
        temperature = temperature - h * loss * (half - target)
    return temperature


def tide_windowed(frequency, depth):
    n = 9000
    t = np.linspace(0.0, 300.0, n)
    window = 1.0 - np.cos(2.0 * np.pi * (np.arange(n) + 0.5) / n)
    return np.mean(window * (np.cos(frequency * t) / depth) ** 2)


def rail_headways(departures, ride, capacity):
    total = 0.0
    for k in range(1, departures.size):
        gap = departures[k] - departures[k - 1]
        load = min(capacity, 3.0 * gap)
        total += ride * load + 0.5 * gap * gap
    return total


def decay_chain(rates, duration):
    amounts = np.zeros(rates.size)
    amounts[0] = 1.0
    dt = duration / 500.0
    for _ in range(500):
        flow = rates * amounts
        amounts[0] = amounts[0] - dt * flow[0]
        for k in range(1, rates.size):
            amounts[k] = amounts[k] + dt * (flow[k - 1] - flow[k])
    return amounts[-1]


def ring_widths(growth, climate):
    width, smoothed = 1.0, 0.0
    for k in range(climate.size):
        width = 0.6 * width + growth * max(0.05, 1.0 + 0.3 * climate[k])
        smoothed = 0.9 * smoothed + 0.1 * width
    return smoothed


CASES = [
    case(brake_distance_below, 27.0, 30.0, 6.0),
    case(avalanche_smooth, np.array([1.0, 2.0, 3.5]), 2.0, 0.4),
    case(hearing_level_loud, np.array([0.02, -0.01, 0.03])),
    case(rake_by_tangent, 0.8, 0.8),
    case(dialysis_guarded, np.array([0.4, 0.0, 0.6]), 30.0),
    case(ink_all_layers, np.array([0.3, 0.0, 0.5]), 0.9),
    case(crystal_trace, 1.5, 1.5, 0.0),
    case(bowing_noise_half, 2e-7),
    case(laser_gain_stable, 900.0),
    case(lift_fixed_stops, 31.0, 9),
    case(timber_by_class, 4.2, np.array([0, 2, 1, 1]), np.array([1.0, 2.0, 4.5])),
    case(albedo_spline, 4.0, 0.9, -0.6, 0.2),
    case(loudest_value, 0.637, np.linspace(0.0, 2.0, 81)),
    case(rejected_softly, 5.1, np.sort(RNG.uniform(0.0, 10.0, 300))),
    case(queue_expected, 0.37, np.arange(1.0, 40.0)),
    case(noisy_waits, 3.0, 0.7, RNG.standard_normal(500)),
    case(reed_opening_settled, 1.8),
    case(bid_by_newton, 6.0),
    case(seepage_direct, 2.0 * np.eye(30) - 0.97 * np.eye(30, k=1) - 0.97 * np.eye(30, k=-1), RNG.uniform(0.5, 1.5, 30)),
    case(locked_moon, 0.2, 0.2),
    case(kiln_fixed_steps, 1.3, 90.0),
    case(tide_windowed, 1.9, 3.0),
    case(rail_headways, np.array([0.0, 4.0, 9.5, 12.0]), 1.2, 10.0),
    case(decay_chain, np.array([0.9, 0.4, 0.1]), 6.0),
    case(ring_widths, 0.8, RNG.standard_normal(60)),
]

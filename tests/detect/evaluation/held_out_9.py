"""The ninth set: planted pitfalls in fields that the others do not touch, written before the detector ran on it."""

import math

import numpy as np

from tests.detect.evaluation.case import case

RNG = np.random.default_rng(909)

# a point


def brake_distance(speed, limit, deceleration):
    excess = speed - limit
    penalty = 0.0
    if excess > 0.0:  #: kink
        penalty = 12.0 * excess
    return 0.5 * speed * speed / deceleration + penalty


def avalanche_front(shear, yield_stress, viscosity):
    rate = np.maximum(shear - yield_stress, 0.0) / viscosity  #: kink
    return np.sum(rate) * 9.81


def voting_margin(support):
    gap = abs(support[0] - support[1])  #: kink
    return gap + 0.2 * np.sum(support**2)


def hearing_level(pressures):
    level = 20.0 * np.sqrt(np.sum(pressures * pressures))  #: domain_edge
    return level + 3.0 * np.sum(pressures)


def rake_angle(tip, heel):
    cosine = (tip * heel + 1.0) / math.sqrt((tip * tip + 1.0) * (heel * heel + 1.0))
    return math.acos(cosine)  #: domain_edge


def tooth_wear(load, hardness, exponent):
    depth = (load / hardness) ** exponent  #: domain_edge
    return 1.4 * depth + 0.1 * load


def dialysis_clearance(urea, volume):
    share = np.where(urea > 0.0, urea * np.log(urea), 0.0)  #: masked_nan
    return -np.sum(share) * volume


def speaker_pattern(x):
    y = np.where(x != 0.0, np.sin(x) / x, 1.0)  #: masked_nan
    return np.sum(y * y)


def fermenting(sugar, half):
    if sugar == half:  #: equality_branch
        return 0.5
    return sugar / (sugar + half)


def ink_layers(densities, paper):
    light = paper
    for k in range(densities.size):
        if densities[k] != 0.0:  #: pruned_zero
            light = light - 0.7 * densities[k] * paper
    return light * light


def crystal_axis(a, b, tilt):
    tensor = np.array([[a, tilt], [tilt, b]])
    values, axes = np.linalg.eigh(tensor)  #: degenerate_eig
    return axes[0, 1] * values[1]


def bowing_noise(width):
    return (1.0 - math.cos(width)) / (width * width)  #: cancellation


def isotope_gap(ratio):
    heavy = math.exp(ratio)
    return (heavy - 1.0 - ratio) / (ratio * ratio)  #: cancellation


def laser_gain(pump):
    return math.log(1.0 + math.exp(pump))  #: overflow


def ring_counter(width, count):
    total = np.float32(8000.0)
    for _ in range(count):
        total = total + width  #: precision
    return total


# steps


def lift_stops(height, floor_height):
    stops = int(height / floor_height)  #| step_count
    time = 0.0
    for k in range(stops):  #: step_count
        time = time + 1.5 + 0.01 * k * height
    return time


def typeset_width(size, widths):
    rounded = np.round(size * widths)  #: quantisation
    return np.sum(rounded) / 100.0


def timber_price(diameter, prices):
    grade = int(diameter // 10.0)  #| table_lookup
    return prices[grade] * diameter * diameter  #: table_lookup


def glacier_albedo(age, ages, values):
    return np.interp(age, ages, values)  #: table_lookup


def loudest_mode(tension, lengths):
    response = 1.0 / (1.0 + (lengths - tension) ** 2)
    k = np.argmax(response)  #: order_index
    return lengths[k] * 2.0


def rejected_share(cut, grades):
    rejected = 0.0
    for k in range(grades.size):
        if grades[k] < cut:  #: parametric_discontinuity
            rejected += 1.0
    return rejected / grades.size


def queue_losses(probability, uniforms):
    lost = np.where(uniforms < probability, 1.0, 0.0)  #: discrete_random
    return np.mean(lost) * 40.0


# runs


def reed_opening(pressure):
    gap = 1.0
    for _ in range(60):  #: fixed_point_lag
        new = 1.0 / (1.0 + pressure * gap)
        if abs(new - gap) < 1e-2:  #| fixed_point_lag
            gap = new
            break
        gap = new
    return gap


def pendulum_clock(length, drive):
    theta, change = 0.6, 1.0
    while change > 3e-3:  #: fixed_point_lag
        new = drive * math.cos(theta) / length
        change = abs(new - theta)
        theta = new
    return theta


def bid_threshold(value):
    low, high = 0.0, 10.0
    while high - low > 1e-8:  #: fixed_point_zero_iter
        middle = 0.5 * (low + high)
        if middle**3 + middle > value:  #| fixed_point_zero_iter
            high = middle
        else:
            low = middle
    return low


def dike_seepage(matrix, inflow):
    head = np.zeros(inflow.size)
    r = inflow - matrix @ head
    p = r.copy()
    rr = r @ r
    for _ in range(6):  #: linear_solver
        q = matrix @ p
        alpha = rr / (p @ q)
        head = head + alpha * p
        r = r - alpha * q
        new = r @ r
        p = r + (new / rr) * p
        rr = new
    return np.sum(head * head)


def tumbling_moon(spin, eccentricity):
    theta, omega = 0.3, spin
    dt = 0.05
    for k in range(4000):  #: chaos
        torque = -0.9 * (1.0 + 3.0 * eccentricity * math.cos(k * dt)) * math.sin(2.0 * theta)
        omega += dt * torque
        theta += dt * omega
    return math.cos(theta)


def kiln_temperature(loss, target):
    temperature, t, h = 20.0, 0.0, 0.05
    while t < 3.0:
        slope = -loss * (temperature - target)
        half = temperature + 0.5 * h * slope
        full = temperature + h * (-loss * (half - target))
        error = abs(full - (temperature + h * slope))
        h = h * min(2.0, max(0.3, 0.9 * math.sqrt(0.2 / (error + 1e-9))))  #: adaptive_step
        temperature = full
        t += h
    return temperature


def mean_tide(frequency, depth):
    t = np.linspace(0.0, 300.0, 9000)
    height = np.cos(frequency * t) / depth
    return np.mean(height**2)  #: time_average


def peat_column(moisture, conductivity):
    u = moisture.copy()
    for _ in range(2500):  #: tape_memory
        u[1:-1] = u[1:-1] + conductivity * u[1:-1] * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.mean(u)


def _chain(n):
    return 2.0 * np.eye(n) - 0.97 * np.eye(n, k=1) - 0.97 * np.eye(n, k=-1)


CASES = [
    case(brake_distance, 30.0, 30.0, 6.0),
    case(avalanche_front, np.array([1.0, 2.0, 3.5]), 2.0, 0.4),
    case(voting_margin, np.array([0.4, 0.4, 0.2])),
    case(hearing_level, np.zeros(4)),
    case(rake_angle, 0.8, 0.8),
    case(tooth_wear, 0.0, 3.0, 0.6),
    case(dialysis_clearance, np.array([0.4, 0.0, 0.6]), 30.0),
    case(speaker_pattern, np.array([0.0, 0.4, -1.1])),
    case(fermenting, 2.0, 2.0),
    case(ink_layers, np.array([0.3, 0.0, 0.5]), 0.9),
    case(crystal_axis, 1.5, 1.5, 0.0),
    case(bowing_noise, 2e-7),
    case(isotope_gap, 3e-6),
    case(laser_gain, 900.0),
    case(ring_counter, np.float32(1e-4), 3000),
    case(lift_stops, 31.0, 3.2),
    case(typeset_width, 10.3, np.array([5.1, 7.7, 3.3, 6.4])),
    case(timber_price, 34.0, np.array([1.0, 2.0, 4.5, 7.0, 9.0, 12.0])),
    case(glacier_albedo, 4.0, np.array([0.0, 2.0, 4.0, 8.0]), np.array([0.9, 0.7, 0.62, 0.5])),
    case(loudest_mode, 0.637, np.linspace(0.0, 2.0, 81)),
    case(rejected_share, 5.1, np.sort(RNG.uniform(0.0, 10.0, 300))),
    case(queue_losses, 0.37, RNG.uniform(0.0, 1.0, 600)),
    case(reed_opening, 1.8),
    case(pendulum_clock, 1.1, 0.9),
    case(bid_threshold, 6.0),
    case(dike_seepage, _chain(30), RNG.uniform(0.5, 1.5, 30)),
    case(tumbling_moon, 0.8, 0.2),
    case(kiln_temperature, 1.3, 90.0),
    case(mean_tide, 1.9, 3.0),
    case(peat_column, RNG.uniform(0.3, 0.8, 1200), 0.3),
]

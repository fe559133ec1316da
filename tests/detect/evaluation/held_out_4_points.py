"""The fourth set, written before the rules were looked at: pitfalls of a point, an index, a table, floating point."""

import math
from typing import NamedTuple

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


class Muscle(NamedTuple):
    slack: float
    stiffness: float
    fmax: float


class Reservoir(NamedTuple):
    capacity: float
    spill: float


# kinks


def tendon_force(length, muscle):
    strain = (length - muscle.slack) / muscle.slack
    passive = np.maximum(strain, 0.0) * muscle.stiffness  #: kink
    active = muscle.fmax * np.exp(-(strain / 0.45) ** 2)
    return passive + active


def reservoir_release(inflow, reservoir):
    storage = 0.5 * reservoir.capacity
    released = 0.0
    for k in range(inflow.size):
        storage = storage + inflow[k] - 1.0
        excess = storage - reservoir.capacity
        if excess > 0.0:  #: kink
            released += reservoir.spill * excess
            storage = reservoir.capacity
    return released + 0.1 * storage


def lasso_objective(beta, design, y, penalty):
    residual = y - design @ beta
    fit = 0.5 * np.sum(residual ** 2) / y.size
    l1 = penalty * np.sum(np.abs(beta))  #: kink
    return fit + l1


def drone_clearance(waypoints, obstacle):
    best = 1e9
    for i in range(waypoints.shape[0]):
        dx = waypoints[i, 0] - obstacle[0]
        dy = waypoints[i, 1] - obstacle[1]
        d2 = dx * dx + dy * dy
        best = min(best, d2)  #: kink
    return math.exp(-best)


def triangle_wave_filter(phase, gain):
    wrapped = np.abs(np.mod(phase, 2.0) - 1.0)  #: kink
    weighted = gain * wrapped
    return weighted.sum()


# domain edges


def sailboat_speed(true_wind, boat):
    apparent = np.array([true_wind[0] - boat[0], true_wind[1] - boat[1]])
    speed = np.linalg.norm(apparent)  #: domain_edge
    lift = 0.6 * speed
    return lift + 0.05 * boat[0]


def allometric_growth(mass, a, b):
    uptake = 0.0
    loss = 0.0
    for m in mass:
        uptake += a * m ** 0.75  #: domain_edge
        loss += b * m
    return uptake - loss


def snell_transmission(n1, n2, incidence):
    s = n1 / n2 * np.sin(incidence)
    refracted = np.arcsin(s)  #: domain_edge
    return np.cos(refracted) ** 2 + 0.1 * refracted


def fst_heterozygosity(freq):
    between = np.var(freq)
    spread = np.sqrt(between)  #: domain_edge
    mean = freq.mean()
    return spread + mean * (1.0 - mean)


# masked NaN


def airmass_weighting(zenith, flux):
    mu = np.cos(zenith)
    airmass = 1.0 / np.sqrt(mu - 0.5)  #| masked_nan
    good = mu > 0.5
    return np.sum(np.where(good, flux * airmass, 0.0))  #: masked_nan


def coulomb_matrix(charges, positions):
    d = positions[:, None] - positions[None, :]
    inverse = 1.0 / np.sqrt(d * d)  #| masked_nan
    off = np.where(np.eye(positions.size) > 0.5, 0.0, np.outer(charges, charges) * inverse)  #: masked_nan
    return 0.5 * off.sum()


def wind_chill(temperature, wind):
    formula = 13.12 + 0.6215 * temperature - 11.37 * np.power(wind - 4.8, 0.16)  #| masked_nan
    felt = np.where(wind > 4.8, formula, temperature)  #: masked_nan
    return felt.mean()


# equality branches


def kelly_interest(rate, periods):
    accrued = 0.0
    if abs(rate) < 1e-14:  #: equality_branch
        accrued = float(periods)
    else:
        accrued = ((1.0 + rate) ** periods - 1.0) / rate
    return accrued


def nernst_ghk_flux(voltage, inside, outside):
    u = voltage / 25.7
    if u == 0:  #: equality_branch
        return inside - outside
    e = math.exp(-u)
    return u * (inside - outside * e) / (1.0 - e)


def rotation_x(axis, point):
    theta = math.sqrt(axis[0] ** 2 + axis[1] ** 2 + axis[2] ** 2) if np.any(axis != 0.0) else 0.0  #| equality_branch
    if theta == 0.0:  #: equality_branch
        return point[1] * 1.0
    s = math.sin(theta) / theta
    c = (1.0 - math.cos(theta)) / theta ** 2
    dot = axis[0] * point[0] + axis[1] * point[1] + axis[2] * point[2]
    return point[1] * math.cos(theta) + s * (axis[2] * point[0] - axis[0] * point[2]) + c * axis[1] * dot


def two_rate_decay(k1, k2, t):
    gap = k2 - k1
    if gap != 0.0:  #: equality_branch
        amount = k1 / gap * (np.exp(-k1 * t) - np.exp(-k2 * t))
    else:
        amount = k1 * t * np.exp(-k1 * t)
    return amount


# pruned zeros


def fir_sparse(taps, signal):
    out = 0.0
    for n in range(taps.size, signal.size):
        acc = 0.0
        for k in range(taps.size):
            if taps[k] == 0.0:  #: pruned_zero
                continue
            acc += taps[k] * signal[n - k]
        out += acc * acc
    return out


def leontief_demand(coefficients, output):
    n = output.size
    used = np.zeros(n)
    for i in range(n):
        for j in range(n):
            a = coefficients[i, j]
            if a:  #: pruned_zero
                used[i] += a * output[j]
    return np.sum((output - used) ** 2)


def spherical_harmonic_sum(clm, theta):
    total = 0.0
    p_prev, p = 1.0, math.cos(theta)
    for l in range(1, clm.size):
        if clm[l] != 0.0:  #: pruned_zero
            total = total + clm[l] * p
        p_prev, p = p, ((2 * l + 1) * math.cos(theta) * p - l * p_prev) / (l + 1)
    return math.sin(total + 0.3)


# quantisation


def midi_detune(frequency, reference):
    semitone = 12.0 * np.log2(frequency / reference)
    note = np.round(semitone)  #: quantisation
    tuned = reference * 2.0 ** (note / 12.0)
    return tuned


def cargo_trips(load, capacity, distance):
    trips = math.ceil(load / capacity)  #: quantisation
    fuel = 0.35 * distance * trips
    return fuel


def pixel_exposure(irradiance, gain):
    electrons = irradiance * 0.7
    counts = np.floor(gain * electrons)  #: quantisation
    noise = np.sqrt(counts + 9.0)
    return np.sum(counts / noise)


# tables


def tide_height(hour, heights):
    lo = int(hour)  #| table_lookup
    hi = lo + 1
    w = hour - lo
    return heights[lo] * (1.0 - w) + heights[hi] * w  #: table_lookup


def bond_yield(maturity, tenors, curve):
    y = np.interp(maturity, tenors, curve)  #: table_lookup
    return math.exp(-y * maturity)


def soil_moisture_lookup(theta, table):
    idx = np.clip(np.rint(theta * (table.size - 1)), 0, table.size - 1).astype(np.int64)  #| table_lookup
    conductivity = table[idx]  #: table_lookup
    return conductivity * 0.5


def stopping_power(energy, grid, values):
    k = np.searchsorted(grid, energy)  #| table_lookup
    nearest = values[k]  #: table_lookup
    return nearest * np.sqrt(2.0)


# order and index


def fastest_lane(speeds, tolls):
    k = np.argmin(1.0 / speeds)  #: order_index
    return tolls[k] * 2.0


def spearman_distance(x, y):
    rx = np.argsort(np.argsort(x))  #: order_index
    ry = np.argsort(np.argsort(y))  #| order_index
    d = rx - ry
    return 1.0 - 6.0 * np.sum(d * d) / (x.size * (x.size ** 2 - 1.0))


def seismic_pick(amplitude, dt):
    envelope = amplitude ** 2
    onset = np.argmax(envelope)  #: order_index
    arrival = onset * dt
    return arrival ** 2


# cancellation


def gravity_anomaly(height):
    r = 6.371e6
    g0 = 9.81
    g = g0 * (r / (r + height)) ** 2
    return (g0 - g) / height  #: cancellation


def lens_sagitta(aperture, radius):
    sag = radius - np.sqrt(radius * radius - aperture * aperture)  #: cancellation
    return sag / aperture ** 2  #| cancellation


def finite_strain_energy(stretch):
    log_part = np.log(stretch)
    j = stretch ** 3
    return (j - 1.0 - 3.0 * log_part) / (stretch - 1.0) ** 2  #: cancellation


def tan_minus_sin(angle):
    a = np.tan(angle)
    b = np.sin(angle)
    return np.sum((a - b) / angle ** 3)  #: cancellation


# overflow


def planck_radiance(wavelength, temperature):
    x = 0.0143877 / (wavelength * temperature)
    return 1e-16 / (wavelength ** 5 * (np.exp(x) - 1.0))  #: overflow


def tanh_by_hand(z):
    up = np.exp(2.0 * z)  #| overflow
    return np.sum(1.0 - 2.0 / (up + 1.0))  #: overflow


def gating_variable(voltage, half, slope):
    total = 0.0
    for v in voltage:
        e = np.exp((half - v) / slope)  #| overflow
        total += 1.0 / (1.0 + e)  #: overflow
    return total


# precision


def metabolic_sum32(rates, scale):
    total = np.float32(1.0e8)
    for r in rates:
        total = total + scale * r  #: precision
    return total


def orbit_phase32(rate):
    phase = np.float32(4096.0)
    for _ in range(5000):
        phase += np.float32(1e-5) * rate  #: precision
    return phase


# bit tricks and detached


def log2_from_bits(power):
    bits = power.view(np.int64)  #: bit_trick
    return np.sum(bits.astype(np.float64)) / 2.0 ** 52 - 1023.0 * power.size


def sign_flip_energy(x):
    raw = np.float64(x).view(np.int64)  #: bit_trick
    magnitude = (raw & 0x7FFFFFFFFFFFFFFF).view(np.float64)
    return magnitude * 3.0


def actor_critic_loss(value, reward):
    target = wg.stop_gradient(reward[:-1] + 0.9 * value[1:])  #: detached
    error = target - value[:-1]
    return np.mean(error ** 2)


def centred_contrast(image):
    mean = wg.stop_gradient(image.mean())  #: detached
    contrast = (image - mean) ** 2 / mean
    return contrast.sum()


_X8 = np.array([0.4, 0.1, 0.9, 0.35, 0.72, 0.55, 0.2, 0.63])
_RATES = np.full(40, 0.5, dtype=np.float32)

CASES = [
    case(tendon_force, 0.22, Muscle(0.22, 900.0, 1200.0)),
    case(reservoir_release, np.array([2.0, 1.5, 4.5, 1.0, 0.3]), Reservoir(10.0, 0.4)),
    case(lasso_objective, np.array([0.7, 0.0, -0.2]), np.array([[1.0, 0.2, 0.5], [0.3, 1.4, 0.1], [0.2, 0.6, 2.0], [1.0, 1.0, 0.0]]), np.array([1.0, 0.4, 0.3, 0.9]), 0.1),
    case(drone_clearance, np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.5]]), np.array([0.0, 0.0])),
    case(triangle_wave_filter, np.array([0.3, 1.0, 2.6]), 1.7),
    case(sailboat_speed, np.array([4.0, 3.0]), np.array([4.0, 3.0])),
    case(allometric_growth, np.array([1.0, 0.0, 2.5]), 0.8, 0.1),
    case(snell_transmission, 1.33, 1.33, math.pi / 2.0),
    case(fst_heterozygosity, np.full(5, 0.25)),
    case(airmass_weighting, np.array([0.1, 0.6, math.acos(0.5) + 1e-3, 1.4]), np.array([1.0, 2.0, 1.5, 0.7])),
    case(coulomb_matrix, np.array([1.0, 6.0, 8.0]), np.array([0.0, 1.1, 2.3])),
    case(wind_chill, np.array([-5.0, 0.0, 2.0]), np.array([3.0, 10.0, 4.8])),
    case(kelly_interest, 0.0, 12),
    case(nernst_ghk_flux, 0.0, 12.0, 120.0),
    case(rotation_x, np.zeros(3), np.array([1.0, 2.0, 3.0])),
    case(two_rate_decay, 0.4, 0.4, 2.0),
    case(fir_sparse, np.array([0.5, 0.0, 0.25]), np.sin(np.arange(40.0))),
    case(leontief_demand, np.array([[0.2, 0.0], [0.3, 0.1]]), np.array([10.0, 7.0])),
    case(spherical_harmonic_sum, np.array([0.0, 0.5, 0.0, -0.2]), 0.8),
    case(midi_detune, 449.3, 440.0),
    case(cargo_trips, 17.3, 4.0, 120.0),
    case(pixel_exposure, _X8 * 100.0, 2.3),
    case(tide_height, 7.0, np.array([0.3, 0.9, 1.6, 2.0, 2.2, 1.9, 1.2, 0.6, 0.2, 0.5])),
    case(bond_yield, 5.0, np.array([1.0, 2.0, 5.0, 10.0, 30.0]), np.array([0.010, 0.014, 0.022, 0.027, 0.030])),
    case(soil_moisture_lookup, 0.43, np.exp(np.linspace(-6.0, 0.0, 401))),
    case(stopping_power, 3.37, np.linspace(0.5, 20.0, 300), 10.0 / np.linspace(0.5, 20.0, 300)),
    case(fastest_lane, np.array([60.0, 80.0, 75.0]), np.array([0.5, 1.2, 0.9])),
    case(spearman_distance, _X8, _X8[::-1].copy() + 0.01),
    case(seismic_pick, np.exp(-(np.arange(200.0) - 71.3) ** 2 / 300.0), 0.01),
    case(gravity_anomaly, 1e-4),
    case(lens_sagitta, 1e-5, 3.0),
    case(finite_strain_energy, 1.0 + 1e-7),
    case(tan_minus_sin, np.array([1e-5, 2e-5, -1.5e-5])),
    case(planck_radiance, 2e-8, 300.0),
    case(tanh_by_hand, np.array([0.5, 400.0, -2.0])),
    case(gating_variable, np.array([-60.0, 20.0, -4000.0]), -40.0, 4.0),
    case(metabolic_sum32, _RATES, np.float32(1.0)),
    case(orbit_phase32, np.float32(1.3)),
    case(log2_from_bits, np.array([1.7, 3.1, 8.8])),
    case(sign_flip_energy, -2.7),
    case(actor_critic_loss, np.array([1.0, 0.7, 0.3, 0.1]), np.array([0.2, 0.5, 0.1, 1.0])),
    case(centred_contrast, np.array([[1.0, 2.0], [3.0, 5.0]])),
]

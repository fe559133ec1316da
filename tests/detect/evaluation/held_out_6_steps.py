"""The sixth set, written without running the detector: steps, tables, draws, rules, bits, races."""

import math
from typing import NamedTuple

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


class Bird(NamedTuple):
    mass: float
    condition: float


class Plant(NamedTuple):
    gain: float
    lag: float


class Curve(NamedTuple):
    tenor: float
    rates: np.ndarray


# quantisation


def digitised_power(voltage, scale):
    lsb = 5.0 / 1024
    scaled = voltage * scale
    code = np.floor(scaled / lsb)  #: quantisation
    measured = code * lsb
    return np.mean(measured ** 2)


def fledglings(bird, food):
    effort = bird.condition * food / (1.0 + food)
    clutch = int(round(2.0 + 3.0 * effort))  #: quantisation
    survival = 0.7 * math.exp(-0.05 * clutch)
    return clutch * survival


def gamma_corrected(image, gamma):
    bright = np.clip(image, 0.01, 0.99) ** gamma
    pixels = (255.0 * bright).astype(np.uint8)  #: quantisation
    restored = pixels / 255.0
    return np.sum(restored * np.linspace(0.0, 1.0, image.size))


# tables


def optical_depth(temperature, density, opacity):
    x = (math.log10(temperature) - 3.0) / 0.05
    i = int(x)  #| table_lookup
    kappa = opacity[i]  #: table_lookup
    depth = kappa * density * 2.5
    return 1.0 - math.exp(-depth)


def scheduled_response(speed, breaks, gains, error):
    k = np.searchsorted(breaks, speed) - 1  #| table_lookup
    kp = gains[k]  #: table_lookup
    u = 0.0
    for e in error:
        u = 0.9 * u + kp * e
    return u


def bond_price(coupon, maturity, curve):
    price = 0.0
    n = 6
    for k in range(1, n + 1):
        t = maturity * k / n
        x = t / curve.tenor
        j = int(math.floor(x))  #| table_lookup
        w = x - j
        r = (1.0 - w) * curve.rates[j] + w * curve.rates[j + 1]  #: table_lookup
        price += coupon * math.exp(-r * t)
    return price


# positions


def line_centre(centre, width, wavelength):
    profile = np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
    continuum = 1.0 + 0.01 * wavelength
    spectrum = continuum * profile
    peak = np.argmax(spectrum)  #: order_index
    return wavelength[peak]  #| order_index


def rank_correlation(x, y):
    n = x.size
    rx = np.argsort(np.argsort(x))  #: order_index
    ry = np.argsort(np.argsort(y))  #| order_index
    d = (rx - ry).astype(np.float64)
    return 1.0 - 6.0 * np.sum(d * d) / (n * (n * n - 1.0))


def closest_approach(speed, heading, ship):
    dt = 0.05
    best = 1e12
    when = 0.0
    for k in range(400):
        t = k * dt
        x = speed * math.cos(heading) * t - ship[0]
        y = speed * math.sin(heading) * t - ship[1] + 0.3 * t
        d = x * x + y * y
        if d < best:  #: order_index
            best = d
            when = t  #| order_index
    return when


# step counts


def plasma_level(dose, clearance, duration):
    dt = 0.02
    n = int(np.ceil(duration / dt))  #: step_count
    gut = dose
    blood = 0.0
    for _ in range(n):
        absorbed = 1.2 * gut
        gut -= dt * absorbed
        blood += dt * (absorbed - clearance * blood)
    return blood


def drop_height(duration, drag):
    t = 0.0
    v = 0.0
    h = 0.0
    dt = 0.005
    while t < duration:  #: step_count
        a = 9.81 - drag * v * abs(v)
        v += dt * a
        h += dt * v
        t += dt
    return h


def absorbed_energy(window, decay):
    t = np.arange(0.0, window, 0.01)  #: step_count
    power = np.exp(-decay * t) * (1.0 + 0.2 * np.cos(3.0 * t))
    return 0.01 * np.sum(power)


# jumps that a parameter moves


def flooded_fraction(rise, terrain, weight):
    level = 0.4 + rise
    wet = np.where(terrain < level, 1.0, 0.0)  #: parametric_discontinuity
    area = np.sum(wet * weight)
    return area / np.sum(weight)


def digital_by_quadrature(strike, sigma, rate):
    z = np.linspace(-6.0, 6.0, 2401)
    dz = z[1] - z[0]
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    terminal = 100.0 * np.exp(rate - 0.5 * sigma * sigma + sigma * z)
    payoff = (terminal > strike) * 1.0  #: parametric_discontinuity
    return math.exp(-rate) * np.sum(payoff * density) * dz


def disc_moment(radius, cx, n):
    h = 2.0 / n
    total = 0.0
    for i in range(n):
        for j in range(n):
            x = -1.0 + (i + 0.5) * h
            y = -1.0 + (j + 0.5) * h
            if (x - cx) ** 2 + y * y < radius * radius:  #: parametric_discontinuity
                total += (1.0 + x) * h * h
    return total


# draws


def surviving_biomass(mortality, mass, draws):
    total = 0.0
    for i in range(draws.size):
        p = math.exp(-mortality)
        if draws[i] < p:  #: discrete_random
            total += mass[i % mass.size]
    return total / draws.size


def outbreak_size(beta, u):
    days, people = u.shape
    infected = 0.05
    for d in range(days):
        risk = 1.0 - math.exp(-beta * 0.3)
        new = np.mean(u[d] < risk)  #: discrete_random
        infected = 0.6 * infected + 0.4 * new
    return infected


def detector_counts(mu, depth, u):
    transmission = np.exp(-mu * depth)
    hit = np.where(u < transmission, 1.0, 0.0)  #: discrete_random
    energy = 0.511 * hit
    return energy.mean()


# bits


def lighting(normal, light):
    n2 = normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2
    half = 0.5 * n2
    i = np.float32(n2).view(np.int32)  #: bit_trick
    i = np.int32(0x5F3759DF) - (i >> 1)
    y = i.view(np.float32)
    y = y * (1.5 - half * y * y)
    return y * (normal @ light)


def loudness(frames):
    power = frames * frames + 1e-9
    bits = power.view(np.int64)  #: bit_trick
    log2 = bits / 4503599627370496.0 - 1023.0
    return 3.01 * np.mean(log2)


def quick_softmax(scores, values):
    raw = (6497320848556798.0 * scores + 4606794787981430000.0).astype(np.int64)
    e = raw.view(np.float64)  #: bit_trick
    w = e / np.sum(e)
    return w @ values


# cut dependence


def tracking_error(plant, reference):
    x = 0.0
    err = 0.0
    gain = wg.stop_gradient(2.0 * plant.gain)  #: detached
    for r in reference:
        u = gain * (r - x)
        x += plant.lag * (plant.gain * u - x)
        err += (r - x) ** 2
    return err


def importance_estimate(theta, x):
    logw = theta * x - 0.1 * theta * x * x
    w = np.exp(logw)
    norm = wg.stop_gradient(np.sum(w))  #: detached
    return np.sum(w * x) / norm


def mean_field_energy(coupling, field, spins):
    total = 0.0
    for i in range(spins.size):
        local = 0.0
        for j in range(spins.size):
            if i != j:
                local += coupling * spins[j]
        frozen = wg.stop_gradient(math.tanh(local + field))  #: detached
        total -= spins[i] * frozen
    return total


# rules of one's own


@wg.custom_derivative
def squash(x):
    return 1.0 / (1.0 + np.exp(-3.0 * x))


def squash_forward(x):
    s = 1.0 / (1.0 + np.exp(-3.0 * x))
    return s, s


def squash_backward(s, cotangent):
    return (s * (1.0 - s) * cotangent,)


squash.def_vjp(squash_forward, squash_backward)


def neuron_loss(weights, inputs, labels):
    drive = inputs @ weights
    rate = squash(drive)  #: wrong_rule
    miss = rate - labels
    return 0.5 * np.sum(miss * miss)


@wg.custom_derivative
def saturation_pressure(t):
    return 0.6108 * np.exp(17.27 * t / (t + 237.3))


@saturation_pressure.def_jvp
def saturation_slope(args, tangents):
    (t,) = args
    (dt,) = tangents
    e = 0.6108 * np.exp(17.27 * t / (t + 237.3))
    return e, e * 17.27 / (t + 237.3) * dt


def evaporation(temperature, humidity, wind):
    conductance = 0.2 + 0.54 * wind
    es = saturation_pressure(temperature)  #: wrong_rule
    deficit = es * (1.0 - humidity)
    return conductance * deficit


@wg.custom_derivative
def mole_fraction(k):
    x = 0.5
    for _ in range(60):
        x = x - (k * (1.0 - x) ** 2 - x) / (-2.0 * k * (1.0 - x) - 1.0)
    return x


@mole_fraction.def_jvp
def mole_fraction_slope(args, tangents):
    (k,) = args
    (dk,) = tangents
    x = mole_fraction(k)
    return x, -((1.0 - x) ** 2) / (2.0 * k * (1.0 - x) + 1.0) * dk


def conversion_cost(heat, price):
    k = 0.2 * math.exp(1.5 * heat)
    x = mole_fraction(k)  #: wrong_rule
    spent = price[0] * heat
    return spent - price[1] * x


# races


def deposited_charge(position, charge, cells):
    rho = np.zeros(cells)
    for p in wg.prange(position.size):
        c = int(position[p])
        w = position[p] - c
        rho[c] = rho[c] + charge[p] * (1.0 - w)  #: parallel_race
    return np.sum(rho * rho)


def spring_forces(x, left, right, k):
    force = np.zeros(x.size)
    for s in wg.prange(left.size):
        stretch = x[right[s]] - x[left[s]] - 1.0
        force[left[s]] = force[left[s]] + k * stretch  #: parallel_race
        force[right[s]] = force[right[s]] - k * stretch  #| parallel_race
    return np.sum(force ** 2)


# approximations


def servo_effort(angle, stiffness):
    pitch = 1e-6
    error = 3e-7 * np.sin(2.0 * np.pi * angle / pitch)  #: approximation
    reading = angle + error
    torque = stiffness * reading
    return torque * reading


def sawtooth_drive(phase, gain):
    total = 0.0
    sign = 1.0
    for k in range(1, 20001):
        total += sign * math.sin(k * phase) / k  #: approximation
        sign = -sign
    level = 2.0 * total
    return gain * level + 0.1 * level ** 2


def interpolated_dielectric(frequency, samples):
    base = 2.2 + 0.4 * frequency ** 2
    ripple = 0.0
    for s in samples:
        ripple += 2e-7 * np.cos(4e6 * frequency + s)  #: approximation
    eps = base + ripple
    return np.sqrt(eps)


R = np.random.default_rng(62)
CASES = [
    case(digitised_power, np.array([0.21, 0.35, 0.48]), 3.0),
    case(fledglings, Bird(1.2, 0.8), 1.5),
    case(gamma_corrected, np.array([0.2, 0.5, 0.7, 0.9]), 2.2),
    case(optical_depth, 5300.0, 0.2, np.exp(np.linspace(0.0, 3.0, 40))),
    case(scheduled_response, 4.7, np.array([0.0, 2.0, 4.0, 6.0, 8.0]), np.array([1.0, 0.8, 0.6, 0.5]), np.array([0.2, -0.1, 0.3])),
    case(bond_price, 1.0, 4.7, Curve(0.5, 0.02 + 0.03 * np.sqrt(np.linspace(0.0, 1.0, 12)))),
    case(line_centre, 5.013, 0.4, np.linspace(3.0, 7.0, 801)),
    case(rank_correlation, R.normal(size=9), R.normal(size=9)),
    case(closest_approach, 1.4, 0.6, np.array([6.0, 5.0])),
    case(plasma_level, 2.0, 0.4, 3.333),
    case(drop_height, 1.2345, 0.05),
    case(absorbed_energy, 2.345, 0.8),
    case(flooded_fraction, 0.1, np.sin(np.linspace(0.0, 9.0, 1500)) ** 2, np.linspace(0.5, 1.5, 1500)),
    case(digital_by_quadrature, 103.0, 0.25, 0.02),
    case(disc_moment, 0.71, 0.1, 60),
    case(surviving_biomass, 0.4, np.array([1.0, 1.5, 0.7]), R.random(3000)),
    case(outbreak_size, 1.7, R.random((8, 800))),
    case(detector_counts, 0.3, 2.0, R.random(4000)),
    case(lighting, np.array([0.5, 1.5, 1.0], np.float32), np.array([0.2, 0.5, 0.8], np.float32)),
    case(loudness, np.array([0.3, 0.8, -0.5, 0.1])),
    case(quick_softmax, np.array([0.3, 1.2, -0.4]), np.array([1.0, 2.0, 3.0])),
    case(tracking_error, Plant(0.6, 0.3), np.array([1.0, 1.0, 0.5, 0.8])),
    case(importance_estimate, 0.7, np.array([0.3, -0.8, 1.4, 0.6])),
    case(mean_field_energy, 0.4, 0.1, np.array([1.0, 0.8, -0.5])),
    case(neuron_loss, np.array([0.3, -0.2, 0.5]), R.normal(size=(7, 3)), R.random(7)),
    case(evaporation, 21.0, 0.6, 1.8),
    case(conversion_cost, 0.7, np.array([0.2, 3.0])),
    case(deposited_charge, 7.0 * R.random(20), np.ones(20), 8),
    case(spring_forces, np.array([0.0, 1.2, 2.1, 3.5]), np.array([0, 1, 2]), np.array([1, 2, 3]), 4.0),
    case(servo_effort, 0.7300002, 5.0),
    case(sawtooth_drive, 1.1, 0.8),
    case(interpolated_dielectric, 0.65, np.array([0.1, 0.4, 0.3])),
]

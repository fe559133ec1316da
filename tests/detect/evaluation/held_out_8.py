"""The eighth set, written after the mending for the seventh and before the detector ran on it: planted pitfalls."""

import math

import numpy as np

from tests.detect.evaluation.case import case

RNG = np.random.default_rng(808)

# a point


def hinge_contact(position, stiffness, floor_height):
    energy = 0.0
    for k in range(position.size):
        depth = floor_height - position[k]
        if depth > 0.0:  #: kink
            energy += stiffness * depth
    return energy


def tv_denoise(image, noisy, weight):
    fidelity = np.sum((image - noisy) ** 2)
    roughness = np.sum(np.abs(image[1:] - image[:-1]))  #: kink
    return fidelity + weight * roughness


def cable_tension(length, rest, modulus):
    stretch = length - rest
    tension = modulus * np.maximum(stretch, 0.0)  #: kink
    return tension * length


def drag_force(vx, vy, coefficient):
    speed = math.sqrt(vx * vx * vy * vy)  #: domain_edge
    return coefficient * speed * (1.0 + vx)


def manning_flow(depth, width, slope):
    area = depth * width
    radius = area / (width + 2.0 * depth)
    return area * radius ** (2.0 / 3.0) * slope**0.5  #: domain_edge


def great_circle(lat1, lon1, lat2, lon2):
    c = np.sin(lat1) * np.sin(lat2) + np.cos(lat1) * np.cos(lat2) * np.cos(lon1 - lon2)
    return 6371.0 * np.arccos(c)  #: domain_edge


def photon_counts_loss(rate, counts):
    term = np.where(counts > 0, counts * np.log(counts / rate), 0.0)  #: masked_nan
    return np.sum(rate - counts + term)


def screened_potential(distances, length):
    inverse = np.where(distances > 0.0, np.exp(-distances / length) / distances, 0.0)  #: masked_nan
    return 0.5 * np.sum(inverse)


def sphere_factor(q, radius):
    x = q * radius
    if x == 0.0:  #: equality_branch
        return 1.0
    return 3.0 * (math.sin(x) - x * math.cos(x)) / x**3 + 0.1 * x


def goldman_flux(voltage, permeability, inside, outside):
    if voltage == 0.0:  #: equality_branch
        return permeability * (inside - outside)
    e = math.exp(-voltage)
    return permeability * voltage * (inside - outside * e) / (1.0 - e)


def sparse_polynomial(coefficients, x):
    total = 0.0
    power = 1.0
    for k in range(coefficients.size):
        if coefficients[k] != 0.0:  #: pruned_zero
            total += coefficients[k] * power
        power *= x
    return total


def principal_stress_direction(sxx, syy, sxy):
    s = np.array([[sxx, sxy], [sxy, syy]])
    values, vectors = np.linalg.eigh(s)  #: degenerate_eig
    return vectors[0, 1] ** 2 * values[1] + vectors[1, 0] * 0.3


# digits


def exponential_integrator(rate, dt):
    z = rate * dt
    phi = (math.exp(z) - 1.0 - z) / (z * z)  #: cancellation
    return dt * phi


def lens_sag(curvature_radius, height):
    return curvature_radius - math.sqrt(curvature_radius**2 - height**2)  #: cancellation


def partition_energy(levels, temperature):
    weights = np.exp(-levels / temperature)  #: overflow
    return np.sum(levels * weights) / np.sum(weights)


def dose_sum32(rate, steps):
    total = np.float32(1.0)
    for _ in range(steps):
        total = total + rate * np.float32(1e-3)  #: precision
    return total


# steps


def pixels_across(width, pitch):
    n = int(width / pitch)  #: step_count
    area = 0.0
    for _ in range(n):
        area += pitch * pitch
    return area


def rounded_price(cost, margin):
    price = cost * (1.0 + margin)
    return math.floor(price * 20.0) / 20.0 * 130.0  #: quantisation


def wind_load(speed, table):
    index = int(speed / 5.0)
    return 0.5 * 1.2 * table[index]  #: table_lookup


def viscosity(temperature, grid, values):
    return np.interp(temperature, grid, values) ** 2  #: table_lookup


def brightest_offset(centre, pixels):
    profile = np.exp(-((pixels - centre) ** 2) / 0.02)
    k = np.argmax(profile)  #: order_index
    return pixels[k] ** 2 * 3.0


def flooded_fraction(level, heights):
    wet = 0.0
    for h in heights:
        if h < level:  #: parametric_discontinuity
            wet += 1.0
    return wet / heights.size


def surviving_share(p, u):
    alive = np.where(u < p, 1.0, 0.0)  #: discrete_random
    return np.mean(alive) * 12.0


# loops


def sqrt_babylonian(a, guess):
    x = guess
    while abs(x * x - a) > 1e-3 * a:  #| fixed_point_zero_iter
        x = 0.5 * (x + a / x)  #| fixed_point_zero_iter
    return x  #: fixed_point_zero_iter


def colebrook(reynolds, roughness):
    f = 0.02
    for _ in range(50):  #: fixed_point_lag
        new = (-2.0 * math.log10(roughness / 3.7 + 2.51 / (reynolds * math.sqrt(f)))) ** -2.0
        if abs(new - f) < 3e-3:  #| fixed_point_lag
            f = new
            break
        f = new
    return f


def root_by_halving(target):
    low, high = 0.0, 4.0
    for _ in range(45):
        middle = 0.5 * (low + high)
        if middle * math.exp(middle) < target:  #: fixed_point_zero_iter
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def steepest_temperature(conductance, source):
    x = np.zeros_like(source)
    r = source - conductance @ x
    while r @ r > 1e-3:  #: linear_solver
        step = (r @ r) / (r @ (conductance @ r))
        x = x + step * r
        r = source - conductance @ x
    return np.sum(x * x)


def duffing(amplitude, omega):
    x, v, t, h = 1.0, 0.0, 0.0, 0.02
    for _ in range(12000):  #: chaos
        v = v + h * (x - x**3 - 0.3 * v + amplitude * math.cos(omega * t))
        x = x + h * v
        t = t + h
    return x


def mean_square_current(omega, gain):
    t = np.linspace(0.0, 300.0, 6001)
    return np.mean((gain * np.sin(omega * t)) ** 2)  #: time_average


def heated_field(u0, source):
    u = u0.copy()
    for _ in range(3000):  #: tape_memory
        u = u + 0.2 * (np.roll(u, 1) - 2.0 * u + np.roll(u, -1)) + source * np.exp(-u) * 1e-3
    return np.sum(u * u)


def _spd(n):
    a = 2.0 * np.eye(n)
    for k in range(n - 1):
        a[k, k + 1] = a[k + 1, k] = -0.9
    return a


CASES = [
    case(hinge_contact, np.array([0.2, 0.5, 0.9]), 3.0, 0.5),
    case(tv_denoise, np.array([0.1, 0.1, 0.7, 0.4]), np.array([0.0, 0.2, 0.6, 0.5]), 0.3),
    case(cable_tension, 2.0, 2.0, 40.0),
    case(drag_force, 0.0, 1.5, 0.7),
    case(manning_flow, 3.0, 5.0, 0.0),
    case(great_circle, 0.7, 0.3, 0.7, 0.3),
    case(photon_counts_loss, np.array([1.2, 0.4, 2.5]), np.array([2.0, 0.0, 3.0])),
    case(screened_potential, np.array([0.0, 0.7, 1.9]), 1.3),
    case(sphere_factor, 0.0, 2.0),
    case(goldman_flux, 0.0, 0.8, 2.0, 0.5),
    case(sparse_polynomial, np.array([1.0, 0.0, -0.5, 0.0, 2.0]), 0.8),
    case(principal_stress_direction, 2.0, 2.0, 0.0),
    case(exponential_integrator, 1e-5, 1e-2),
    case(lens_sag, 1e4, 1e-3),
    case(partition_energy, np.array([-900.0, 10.0, 30.0]), 1.0),
    case(dose_sum32, np.float32(2e-5), 4000),
    case(pixels_across, 10.3, 0.5),
    case(rounded_price, 3.37, 0.4),
    case(wind_load, 12.3, np.array([0.0, 30.0, 90.0, 200.0, 380.0])),
    case(viscosity, 31.0, np.array([0.0, 20.0, 40.0, 60.0]), np.array([1.79, 1.0, 0.65, 0.47])),
    case(brightest_offset, 0.413, np.linspace(0.0, 1.0, 101)),
    case(flooded_fraction, 0.52, np.sort(RNG.uniform(0.0, 1.0, 400))),
    case(surviving_share, 0.63, RNG.uniform(0.0, 1.0, 500)),
    case(sqrt_babylonian, 9.0, 3.0),
    case(colebrook, 8e4, 2e-3),
    case(root_by_halving, 2.2),
    case(steepest_temperature, _spd(24), RNG.uniform(0.5, 1.5, 24)),
    case(duffing, 0.5, 1.2),
    case(mean_square_current, 2.3, 1.4),
    case(heated_field, RNG.uniform(0.5, 1.0, 1000), 2.0),
]

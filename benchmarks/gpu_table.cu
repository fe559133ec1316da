// The problems of gpu_table.py by hand, one thread an element unless said otherwise. Compiled by NVRTC through CuPy.

extern "C" {

__global__ void elementwise(long n, const double* x, double* y) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n) y[i] = sqrt(x[i]) * x[i] + 1.0;
}

__global__ void elementwise_gradient(long n, const double* x, double* g) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n) g[i] = 1.5 * sqrt(x[i]);
}

__global__ void triad(long n, const double* a, const double* b, double* y) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n) y[i] = a[i] + 3.0 * b[i];
}

__global__ void triad_gradient(long n, const double* a, const double* b, double* ga, double* gb) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n) {
        double t = 2.0 * (a[i] + 3.0 * b[i]);
        ga[i] = t;
        gb[i] = 3.0 * t;
    }
}

// one step on an n by n grid whose border stays
__global__ void heat(int n, const double* u, double* v) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
    if (i >= n || j >= n) return;
    long p = (long)i * n + j;
    double c = u[p];
    if (i > 0 && j > 0 && i < n - 1 && j < n - 1) c += 0.1 * (u[p - n] + u[p + n] + u[p - 1] + u[p + 1] - 4.0 * c);
    v[p] = c;
}

// the transposed step
__global__ void heat_adjoint(int n, const double* u, double* v) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
    if (i >= n || j >= n) return;
    long p = (long)i * n + j;
    bool row = i > 0 && i < n - 1, column = j > 0 && j < n - 1;
    double c = u[p];
    if (row && column) c -= 0.4 * c;
    if (column && i > 1) c += 0.1 * u[p - n];
    if (column && i < n - 2) c += 0.1 * u[p + n];
    if (row && j > 1) c += 0.1 * u[p - 1];
    if (row && j < n - 2) c += 0.1 * u[p + 1];
    v[p] = c;
}

__global__ void scaled(long n, double factor, const double* x, double* y) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n) y[i] = factor * x[i];
}

#define SLOPE(x, y, z, a, b, c) a = 10.0 * ((y) - (x)); b = (x) * (rho - (z)) - (y); c = (x) * (y) - 8.0 / 3.0 * (z)

#define STAGES                                                                                                  \
    double a0, b0, c0, a1, b1, c1, a2, b2, c2, a3, b3, c3;                                                       \
    SLOPE(x, y, z, a0, b0, c0);                                                                                  \
    double x1 = x + 0.5 * h * a0, y1 = y + 0.5 * h * b0, z1 = z + 0.5 * h * c0;                                  \
    SLOPE(x1, y1, z1, a1, b1, c1);                                                                               \
    double x2 = x + 0.5 * h * a1, y2 = y + 0.5 * h * b1, z2 = z + 0.5 * h * c1;                                  \
    SLOPE(x2, y2, z2, a2, b2, c2);                                                                               \
    double x3 = x + h * a2, y3 = y + h * b2, z3 = z + h * c2;                                                    \
    SLOPE(x3, y3, z3, a3, b3, c3)

#define ADVANCE                                          \
    x += h / 6.0 * (a0 + 2.0 * (a1 + a2) + a3);          \
    y += h / 6.0 * (b0 + 2.0 * (b1 + b2) + b3);          \
    z += h / 6.0 * (c0 + 2.0 * (c1 + c2) + c3)

__global__ void lorenz(long n, double rho, int steps, const double* state, double* out) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= n) return;
    const double h = 0.01;
    double x = state[3 * i], y = state[3 * i + 1], z = state[3 * i + 2];
    for (int s = 0; s < steps; s++) {
        STAGES;
        ADVANCE;
    }
    out[i] = x * x + y * y + z * z;
}

// the transposed Jacobian of the slopes at (x, y, z), times (a, b, c)
#define PULL(x, y, z, a, b, c, p, q, r)                      \
    p = -10.0 * (a) + (rho - (z)) * (b) + (y) * (c);         \
    q = 10.0 * (a) - (b) + (x) * (c);                        \
    r = -(x) * (b) - 8.0 / 3.0 * (c)

// tape: 3 * steps rows of n
__global__ void lorenz_gradient(long n, double rho, int steps, const double* state, double* tape, double* g) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= n) return;
    const double h = 0.01;
    double x = state[3 * i], y = state[3 * i + 1], z = state[3 * i + 2];
    for (int s = 0; s < steps; s++) {
        double* t = tape + 3l * s * n + i;
        t[0] = x, t[n] = y, t[2 * n] = z;
        STAGES;
        ADVANCE;
    }
    double gx = 2.0 * x, gy = 2.0 * y, gz = 2.0 * z;
    for (int s = steps - 1; s >= 0; s--) {
        const double* t = tape + 3l * s * n + i;
        x = t[0], y = t[n], z = t[2 * n];
        STAGES;
        double p, q, r, sx = gx, sy = gy, sz = gz, u = h / 6.0, w = h / 3.0;
        PULL(x3, y3, z3, u * gx, u * gy, u * gz, p, q, r);
        sx += p, sy += q, sz += r;
        double ka = w * gx + h * p, kb = w * gy + h * q, kc = w * gz + h * r;
        PULL(x2, y2, z2, ka, kb, kc, p, q, r);
        sx += p, sy += q, sz += r;
        ka = w * gx + 0.5 * h * p, kb = w * gy + 0.5 * h * q, kc = w * gz + 0.5 * h * r;
        PULL(x1, y1, z1, ka, kb, kc, p, q, r);
        sx += p, sy += q, sz += r;
        ka = u * gx + 0.5 * h * p, kb = u * gy + 0.5 * h * q, kc = u * gz + 0.5 * h * r;
        PULL(x, y, z, ka, kb, kc, p, q, r);
        gx = sx + p, gy = sy + q, gz = sz + r;
    }
    g[3 * i] = gx, g[3 * i + 1] = gy, g[3 * i + 2] = gz;
}

__global__ void mandelbrot(int width, int height, int limit, long* counts) {
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
    if (i >= height || j >= width) return;
    double a = -2.2 + 3.0 * j / width, b = -1.2 + 2.4 * i / height, x = 0.0, y = 0.0;
    long n = 0;
    while (n < limit && x * x + y * y < 4.0) {
        double t = x * x - y * y + a;
        y = 2.0 * x * y + b;
        x = t;
        n++;
    }
    counts[(long)i * width + j] = n;
}

__global__ void kepler(long n, const double* m, const double* e, double* out) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= n) return;
    double u = m[i], d = 1.0;
    int k = 0;
    while (fabs(d) > 1e-12 && k < 50) {
        double s, c;
        sincos(u, &s, &c);
        d = (u - e[i] * s - m[i]) / (1.0 - e[i] * c);
        u -= d;
        k++;
    }
    out[i] = u;
}

// blocks of 128 threads; gradient of the sum over all pairs of 1/sqrt(r² + 0.01), a sum of -2 (p_i - p_j) / (...)^(3/2)
__global__ void nbody(int n, const double* p, double* out) {
    __shared__ double3 tile[128];
    int i = blockIdx.x * 128 + threadIdx.x;
    double x = 0, y = 0, z = 0, e = 0;
    if (i < n) x = p[3 * i], y = p[3 * i + 1], z = p[3 * i + 2];
    for (int at = 0; at < n; at += 128) {
        int k = at + threadIdx.x;
        if (k < n) tile[threadIdx.x] = make_double3(p[3 * k], p[3 * k + 1], p[3 * k + 2]);
        __syncthreads();
        int m = min(128, n - at);
        for (int j = 0; j < m; j++) {
            double dx = tile[j].x - x, dy = tile[j].y - y, dz = tile[j].z - z;
            e += rsqrt(dx * dx + dy * dy + dz * dz + 0.01);
        }
        __syncthreads();
    }
    if (i < n) atomicAdd(out, e);
}

__global__ void nbody_gradient(int n, const double* p, double* g) {
    __shared__ double3 tile[128];
    int i = blockIdx.x * 128 + threadIdx.x;
    double x = 0, y = 0, z = 0, gx = 0, gy = 0, gz = 0;
    if (i < n) x = p[3 * i], y = p[3 * i + 1], z = p[3 * i + 2];
    for (int at = 0; at < n; at += 128) {
        int k = at + threadIdx.x;
        if (k < n) tile[threadIdx.x] = make_double3(p[3 * k], p[3 * k + 1], p[3 * k + 2]);
        __syncthreads();
        int m = min(128, n - at);
        for (int j = 0; j < m; j++) {
            double dx = tile[j].x - x, dy = tile[j].y - y, dz = tile[j].z - z;
            double r = rsqrt(dx * dx + dy * dy + dz * dz + 0.01), w = 2.0 * r * r * r;
            gx += w * dx, gy += w * dy, gz += w * dz;
        }
        __syncthreads();
    }
    if (i < n) g[3 * i] = gx, g[3 * i + 1] = gy, g[3 * i + 2] = gz;
}

// eight threads a row
__global__ void spmv(long rows, const double* values, const long* columns, const long* starts, const double* x, double* y) {
    long t = blockIdx.x * (long)blockDim.x + threadIdx.x, i = t / 8;
    int lane = t % 8;
    double s = 0.0;
    if (i < rows) for (long k = starts[i] + lane; k < starts[i + 1]; k += 8) s += values[k] * x[columns[k]];
    for (int d = 4; d; d /= 2) s += __shfl_down_sync(0xffffffff, s, d, 8);
    if (i < rows && lane == 0) y[i] = s;
}

__global__ void black_scholes(long n, const double* s, const double* k, const double* t, double* out) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= n) return;
    const double r = 0.02, v = 0.3;
    double d1 = (log(s[i] / k[i]) + (r + 0.5 * v * v) * t[i]) / (v * sqrt(t[i])), d2 = d1 - v * sqrt(t[i]);
    out[i] = s[i] * 0.5 * (1.0 + erf(d1 * 0.7071067811865476)) - k[i] * exp(-r * t[i]) * 0.5 * (1.0 + erf(d2 * 0.7071067811865476));
}

// delta, dual delta and theta
__global__ void black_scholes_gradient(long n, const double* s, const double* k, const double* t, double* gs, double* gk, double* gt) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= n) return;
    const double r = 0.02, v = 0.3;
    double root = sqrt(t[i]), d1 = (log(s[i] / k[i]) + (r + 0.5 * v * v) * t[i]) / (v * root), d2 = d1 - v * root;
    double discount = exp(-r * t[i]), n2 = 0.5 * (1.0 + erf(d2 * 0.7071067811865476));
    gs[i] = 0.5 * (1.0 + erf(d1 * 0.7071067811865476));
    gk[i] = -discount * n2;
    gt[i] = s[i] * v * 0.3989422804014327 * exp(-0.5 * d1 * d1) / (2.0 * root) + r * k[i] * discount * n2;
}

__global__ void small(long n, const double* x, double* y) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i < n) y[i] = sin(x[i]) * x[i];
}
}

/* Made by tests/golden/make_wide.py with numpy 2.4.6, scipy 1.17.1. */
/* clang-format off */
enum { WIDE_SAMPLES = 100, WIDE_RANK = 64, WIDE_SEED = 21 };
static const size_t wide_dims[] = {
    512, 768, 1024,
};

static const double wide_first_second[] = {
    70.94722719201468, 85.49495569637224, 102.07208456712937,
};

static const double wide_density[] = {
    1181.951876127583, 1817.974899707288, 2451.9781631076075,
};

static const double wide_lowrank[] = {
    1181.8935831318329, 1817.9935237489906, 2451.987065146236,
};

static const double wide_monte_carlo[] = {
    71.03190671165807, 85.52978411948203, 102.09101268293456,
};

static const double wide_frechet[] = {
    1.297688217297057, 1.9984086563107224, 2.6940613135633984,
};


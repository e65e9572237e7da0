#include "core/half.h"

#include <string.h> /* memcpy */

float gs_half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
    if (exponent == 0) { /* zero and subnormals: fraction * 2^-24 */
        float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    uint32_t bits = exponent == 31 ? 0x7f800000u : (exponent + 112) << 23;
    bits |= sign | fraction << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float gs_bf16_to_float(uint16_t bf16)
{
    uint32_t bits = (uint32_t)bf16 << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t gs_float_to_half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN stays NaN */
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    uint32_t shift = 13, kept = magnitude - (112u << 23);
    if (magnitude < 0x38800000u) { /* below 2^-14: subnormal, with the leading one written out */
        uint32_t exponent = magnitude >> 23;
        shift = 126 - exponent;
        if (shift > 24)
            return (uint16_t)sign;
        kept = (magnitude & 0x7fffffu) | 0x800000u;
    }
    uint32_t result = kept >> shift, lost = kept & ((1u << shift) - 1), tie = 1u << (shift - 1);
    if (lost > tie || (lost == tie && (result & 1)))
        result++; /* a carry into the exponent is the right result */
    return (uint16_t)(sign | result);
}

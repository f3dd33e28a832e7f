// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What every header of libnexwire stands on. Objects of this library are used by one thread at a
// time; different objects may be used by different threads. No global state that changes.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#	define NX_BEGIN extern "C" {
#	define NX_END   }
#else
#	define NX_BEGIN
#	define NX_END
#endif

// A function of the library's interface, and one whose result must be looked at.
#define NX_API     __attribute__((visibility("default")))
#define NX_CHECKED __attribute__((warn_unused_result))

NX_BEGIN

// Where memory comes from. Asked when an object is made, and when one grows to a size that it never
// had before; never for each message. release gets what allocate gave.
struct nx_allocator {
	void *(*allocate)(void *context, size_t bytes); // NULL when there is none
	void (*release)(void *context, void *memory, size_t bytes);
	void *context;
};

// malloc and free; what a NULL allocator stands for.
extern NX_API const struct nx_allocator nx_allocator_default;

// Vector instructions for masking and UTF-8. NX_SIMD_WIDEST is what the CPU has; the others are for
// tests and measurements.
enum nx_simd {
	NX_SIMD_WIDEST,
	NX_SIMD_PORTABLE,
	NX_SIMD_SSE, // 16 bytes: SSE2, UTF-8 with SSSE3
	NX_SIMD_AVX2,
	NX_SIMD_AVX512
};

NX_END

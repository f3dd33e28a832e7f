// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The only place with atomics. Each helper says what its ordering is for.

#include <stdatomic.h>

#include "core/base.h"

// One writer, many readers. Relaxed: a counter publishes nothing but itself.
typedef struct {
	_Atomic uint64_t value;
} counter_t;

static inline void counter_add(counter_t *c, uint64_t n)
{
	// A plain load and store: there is one writer, so no locked instruction is needed.
	atomic_store_explicit(&c->value, atomic_load_explicit(&c->value, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static inline void counter_sub(counter_t *c, uint64_t n)
{
	atomic_store_explicit(&c->value, atomic_load_explicit(&c->value, memory_order_relaxed) - n,
		memory_order_relaxed);
}

static inline void counter_set(counter_t *c, uint64_t value)
{
	atomic_store_explicit(&c->value, value, memory_order_relaxed);
}

static inline uint64_t counter_read(const counter_t *c)
{
	return atomic_load_explicit(&c->value, memory_order_relaxed);
}

// A word that carries a small immutable fact (a resolved MAC, a flag): release on write so that
// what was written before it is seen by who acquires it.
typedef struct {
	_Atomic uint64_t value;
} shared_word_t;

static inline uint64_t shared_word_load(const shared_word_t *w)
{
	return atomic_load_explicit(&w->value, memory_order_acquire);
}

static inline void shared_word_store(shared_word_t *w, uint64_t value)
{
	atomic_store_explicit(&w->value, value, memory_order_release);
}

// Acquire-release: the winner owns what the word guards.
static inline bool shared_word_claim(shared_word_t *w, uint64_t expected, uint64_t desired)
{
	return atomic_compare_exchange_strong_explicit(
		&w->value, &expected, desired, memory_order_acq_rel, memory_order_acquire);
}

// A word in memory that is shared with the kernel (a ring's slot): acquire and release order what
// the slot holds against the word that says whose it is.
static inline uint32_t kernel_word_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void kernel_word_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

// A pointer that the control thread publishes and workers follow (the snapshot).
typedef struct {
	_Atomic(void *) pointer;
} shared_pointer_t;

// Acquire: what the pointer leads to was written before it was published.
static inline void *shared_pointer_load(const shared_pointer_t *p)
{
	return atomic_load_explicit(&p->pointer, memory_order_acquire);
}

static inline void shared_pointer_store(shared_pointer_t *p, void *value)
{
	atomic_store_explicit(&p->pointer, value, memory_order_release);
}

// Full fence between "I put something on your ring" and "are you asleep?", and between "I am
// asleep" and "is my ring empty?": with it, one of the two sides sees the other.
static inline void shared_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What is wrong with a configuration: one line a fault, that says where, what, and what to do.
// Faults are collected, never printed here; at most FAULTS_MAX are kept. Control thread or CLI; no
// allocation.

#include "core/base.h"

enum {
	FAULTS_MAX = 50,
	FAULT_FILE_BYTES = 256,
	FAULT_PATH_BYTES = 160,
	FAULT_TEXT_BYTES = 320
};

// What operators get an event of its own kind for, beside the refusal.
enum fault_kind {
	FAULT_PLAIN = 0,
	FAULT_TCP_BIND, // a listener on what is no own address
	FAULT_UDP_BIND,
	FAULT_PORT_CONFLICT, // two listeners on one address, port and protocol
};

struct config_fault {
	bool warning; // does not refuse the configuration
	enum fault_kind kind;
	uint32_t line;               // from 1; 0: the text as a whole
	char file[FAULT_FILE_BYTES]; // as given to the reader, or the included file; "" for socket
				     // text
	char path[FAULT_PATH_BYTES]; // "listeners[2].listen"; "" for faults of syntax
	char what[FAULT_TEXT_BYTES];
	char hint[FAULT_TEXT_BYTES]; // what to do
};

// Errors come before warnings where space is short: a warning gives way to an error.
struct config_faults {
	uint32_t count;   // entries of items
	uint32_t errors;  // how many refuse the configuration, counted beyond FAULTS_MAX too
	uint32_t dropped; // faults that found no place
	struct config_fault *newest; // NULL: it found no place
	struct config_fault items[FAULTS_MAX];
};

struct text_place {
	const char *file;
	uint32_t line;
};

void faults_init(struct config_faults *faults);

// Stands in a format between what is wrong and what to do. No text that passed text_read holds it.
#define HINT "\x1f"

// Adds an error (a warning). place->file may be NULL. format is "what" HINT "hint".
__attribute__((format(printf, 4, 5))) void fault_add(struct config_faults *faults,
	const struct text_place *place, const char *path, const char *format, ...);
__attribute__((format(printf, 4, 5))) void fault_warn(struct config_faults *faults,
	const struct text_place *place, const char *path, const char *format, ...);

// Says what kind the fault is that was added last.
void fault_mark(struct config_faults *faults, enum fault_kind kind);

// Writes "FILE:LINE: PATH: what; hint" (parts that are empty are left out; a warning begins its
// `what` with "warning: "). unnamed stands for the file where there is none. Returns what snprintf
// would.
int fault_print(const struct config_fault *fault, const char *unnamed, char *out, size_t size);

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Tokens of libconfig's grammar, read through a cursor. Private to config/text*.c.

#include "config/text/text.h"

enum token_kind {
	TOKEN_END = 0,
	TOKEN_BAD, // a fault was added
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_INTEGER,
	TOKEN_FLOAT,
	TOKEN_BOOLEAN,
	TOKEN_INCLUDE, // the whole line; string is the path
	TOKEN_ASSIGN,  // = or :
	TOKEN_SEMICOLON,
	TOKEN_COMMA,
	TOKEN_GROUP_OPEN,
	TOKEN_GROUP_CLOSE,
	TOKEN_LIST_OPEN,
	TOKEN_LIST_CLOSE,
	TOKEN_ARRAY_OPEN,
	TOKEN_ARRAY_CLOSE,
};

struct token {
	enum token_kind kind;
	bool wide; // an integer with L
	bool boolean;
	struct text_place place;
	size_t start; // bytes [start, end) of the text
	size_t end;
	const char *string; // NAME, STRING, INCLUDE; in the arena
	int64_t integer;
	double number;
};

struct lexer {
	struct cursor cursor;
	const uint8_t *base;
	struct text_place place;
	struct arena *arena;
	struct config_faults *faults;
	const char *path; // of the setting being read, for faults
	bool line_start;  // nothing but blanks since the last newline
	bool out_of_memory;
};

// Reads the next token. Every fault of the token itself has been added to lexer->faults.
void lexer_next(struct lexer *lexer, struct token *out);

const char *token_kind_name(enum token_kind kind); // "';'"

// Whether text is UTF-8 without control characters other than tab and line ends; else adds a fault.
bool lexer_text_is_clean(
	const char *text, size_t length, const char *file, struct config_faults *faults);

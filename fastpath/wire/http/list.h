// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Comma-separated lists (RFC 9110 5.6.1). Private to http/.

#include "nexwire/http_head.h"

// Takes the next element, without the white space around it, off the front of the list; empty
// elements are passed over as a recipient must. False at the end.
static inline bool http_list_next(struct nx_http_slice *list, struct nx_http_slice *element)
{
	const uint8_t *p = list->data;
	const uint8_t *end = p + list->length;
	const uint8_t *start;

	while (p < end && (*p == ',' || *p == ' ' || *p == '\t'))
		p++;
	start = p;
	while (p < end && *p != ',')
		p++;
	*list = (struct nx_http_slice){p, (size_t)(end - p)};
	while (p > start && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	*element = (struct nx_http_slice){start, (size_t)(p - start)};
	return p > start;
}

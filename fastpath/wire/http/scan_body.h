// SPDX-License-Identifier: BSD-3-Clause

// The scans of one variant; included once by each variant's file, after its vector header has
// defined VARIANT(name), VARIANT_TARGET, WIDTH, VECTORED(set), which sets it has vectors for, and
// for these stops(p, set): one bit for each of the WIDTH bytes at p, 1 where the byte is outside
// the set, and few_are_in(p, n, set): are 4 to WIDTH - 1 bytes all in it?

static inline const uint8_t *scan_bytes(const uint8_t *p, const uint8_t *end, enum http_set set)
{
	while (p < end && http_byte_is(*p, set))
		p++;
	return p;
}

// First byte outside the set in [p, end), or end. Reads only [base, end): the last piece is loaded
// so that it ends at `end`, over bytes already judged.
VARIANT_TARGET static inline __attribute__((always_inline)) const uint8_t *scan(
	const uint8_t *base, const uint8_t *p, const uint8_t *end, enum http_set set)
{
	uint64_t found;

	if (!VECTORED(set))
		return scan_bytes(p, end, set);
	while ((size_t)(end - p) >= WIDTH) {
		found = stops(p, set);
		if (found != 0)
			return p + __builtin_ctzll(found);
		p += WIDTH;
	}
	if (p == end || (size_t)(end - base) < WIDTH)
		return scan_bytes(p, end, set);
	found = stops(end - WIDTH, set) >> (WIDTH - (end - p));
	return found != 0 ? p + __builtin_ctzll(found) : end;
}

// How many of n bytes, from the first, are in the set. What is shorter than a vector has no bytes
// before it to load with it.
VARIANT_TARGET static inline __attribute__((always_inline)) size_t run_of(
	const uint8_t *p, size_t n, enum http_set set)
{
	if (VECTORED(set) && n < WIDTH && n >= 4 && few_are_in(p, n, set))
		return n;
	return (size_t)(scan(p, p, p + n, set) - p);
}

VARIANT_TARGET static size_t VARIANT(run)(const uint8_t *p, size_t n, enum http_set set)
{
	switch (set) {
	case HTTP_SET_TOKEN:
		return run_of(p, n, HTTP_SET_TOKEN);
	case HTTP_SET_TARGET:
		return run_of(p, n, HTTP_SET_TARGET);
	case HTTP_SET_VALUE:
		break;
	}
	return run_of(p, n, HTTP_SET_VALUE);
}

// SPDX-License-Identifier: BSD-3-Clause

// The scans of one variant; included once by each variant's file, after its vector header has
// defined VARIANT(name), VARIANT_TARGET, WIDTH, VECTORED(set), which sets it has vectors for, and
// for these stops(p, set): one bit for each of the WIDTH bytes at p, 1 where the byte is outside
// the set.

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

VARIANT_TARGET static size_t VARIANT(run)(const uint8_t *p, size_t n, enum http_set set)
{
	const uint8_t *end = p + n;

	switch (set) {
	case HTTP_SET_TOKEN:
		return (size_t)(scan(p, p, end, HTTP_SET_TOKEN) - p);
	case HTTP_SET_TARGET:
		return (size_t)(scan(p, p, end, HTTP_SET_TARGET) - p);
	case HTTP_SET_VALUE:
		break;
	}
	return (size_t)(scan(p, p, end, HTTP_SET_VALUE) - p);
}

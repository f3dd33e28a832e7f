// SPDX-License-Identifier: BSD-3-Clause
#include "crypto/manager.h"

#include "crypto/manager_impl.h"
#include "crypto/secret.h"

static size_t head_bytes(void)
{
	return (sizeof(struct crypto_manager) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static int start(struct crypto_manager *m)
{
	uint64_t wanted = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;

	m->imb = imb_set_pointers_mb_mgr((uint8_t *)m + head_bytes(), 0, 1);
	if (m->imb == NULL)
		return -ENOMEM;
	if ((m->imb->features & wanted) != wanted)
		return -ENOTSUP;
	init_mb_mgr_auto(m->imb, &m->arch);
	if (imb_get_errno(m->imb) != 0)
		return -EIO;
	// A release that knows the self test and did not pass it.
	if ((m->imb->features & IMB_FEATURE_SELF_TEST) != 0 &&
		(m->imb->features & IMB_FEATURE_SELF_TEST_PASS) == 0)
		return -EIO;
	return 0;
}

int crypto_manager_create(struct crypto_manager **out)
{
	struct crypto_manager *m;
	struct memory memory;
	int rc = secret_map(head_bytes() + imb_get_mb_mgr_size(), &memory);

	if (rc != 0)
		return rc;
	m = memory.base;
	m->memory = memory;
	rc = start(m);
	if (rc != 0) {
		secret_unmap(&memory);
		return rc;
	}
	*out = m;
	return 0;
}

void crypto_manager_destroy(struct crypto_manager *manager)
{
	struct memory memory = manager->memory;

	secret_unmap(&memory);
}

const char *crypto_manager_isa(const struct crypto_manager *manager)
{
	switch (manager->arch) {
	case IMB_ARCH_SSE:
		return "sse";
	case IMB_ARCH_AVX2:
		return "avx2";
	case IMB_ARCH_AVX512:
		return "avx512";
	default:
		return "other";
	}
}

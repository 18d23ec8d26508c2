/*
 * Philox4x32-10, of J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw:
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3 and table
 * 2. Ten rounds of multiplications whose halves change places; seven are enough
 * for all tests known, the rest is the authors' margin.
 */
#include "base/philox.h"

enum {
	PX_PHILOX_ROUNDS = 10
};

#define PX_PHILOX_M0 UINT64_C(0xD2511F53)
#define PX_PHILOX_M1 UINT64_C(0xCD9E8D57)
#define PX_PHILOX_W0 UINT32_C(0x9E3779B9) /* of the golden ratio */
#define PX_PHILOX_W1 UINT32_C(0xBB67AE85) /* of the root of 3 */

void px_philox(const uint64_t counter[2], uint64_t key, uint64_t out[2])
{
	uint32_t x0 = (uint32_t)counter[0], x1 = (uint32_t)(counter[0] >> 32);
	uint32_t x2 = (uint32_t)counter[1], x3 = (uint32_t)(counter[1] >> 32);
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

	for (int round = 0; round < PX_PHILOX_ROUNDS; round++) {
		const uint64_t a = PX_PHILOX_M0 * x0, b = PX_PHILOX_M1 * x2;

		x0 = (uint32_t)(b >> 32) ^ x1 ^ k0;
		x1 = (uint32_t)b;
		x2 = (uint32_t)(a >> 32) ^ x3 ^ k1;
		x3 = (uint32_t)a;
		k0 += PX_PHILOX_W0;
		k1 += PX_PHILOX_W1;
	}
	out[0] = (uint64_t)x1 << 32 | x0;
	out[1] = (uint64_t)x3 << 32 | x2;
}

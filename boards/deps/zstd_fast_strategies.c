/*
 * zstd's fast and dfast strategies without their variants for an attached dictionary, which kist never has: 21 KB on armv7.
 * Upstream has no switch for it, so the variants are renamed (the linker then drops them) and replaced by ones that find no
 * match, which is valid: the block is all literals.
 */
#include "compress/zstd_fast.h"
#include "compress/zstd_double_fast.h"

#define ZSTD_compressBlock_fast_dictMatchState kist_unused_fast
#define ZSTD_compressBlock_doubleFast_dictMatchState kist_unused_double_fast
#include "compress/zstd_fast.c"
#include "compress/zstd_double_fast.c"
#undef ZSTD_compressBlock_fast_dictMatchState
#undef ZSTD_compressBlock_doubleFast_dictMatchState

size_t ZSTD_compressBlock_fast_dictMatchState(ZSTD_MatchState_t *ms, SeqStore_t *seqStore, U32 rep[ZSTD_REP_NUM],
                                              void const *src, size_t srcSize)
{
    (void)ms, (void)seqStore, (void)rep, (void)src;
    return srcSize;
}

size_t ZSTD_compressBlock_doubleFast_dictMatchState(ZSTD_MatchState_t *ms, SeqStore_t *seqStore,
                                                    U32 rep[ZSTD_REP_NUM], void const *src, size_t srcSize)
{
    (void)ms, (void)seqStore, (void)rep, (void)src;
    return srcSize;
}

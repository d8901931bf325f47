/*
 * Parts of zstd's compressor that are there for parameters kist never sets: long-distance matching and block sizes to aim at. Upstream
 * has no switch for them; these take the place of zstd_ldm.c and zstd_compress_superblock.c, and find nothing.
 */
#include "common/error_private.h"
#include "compress/zstd_compress_superblock.h"
#include "compress/zstd_ldm.h"

void ZSTD_ldm_adjustParameters(ldmParams_t *params, ZSTD_compressionParameters const *cParams)
{
    (void)params, (void)cParams;
}

size_t ZSTD_ldm_getTableSize(ldmParams_t params)
{
    (void)params;
    return 0;
}

size_t ZSTD_ldm_getMaxNbSeq(ldmParams_t params, size_t maxChunkSize)
{
    (void)params, (void)maxChunkSize;
    return 0;
}

void ZSTD_ldm_fillHashTable(ldmState_t *state, const BYTE *ip, const BYTE *iend, ldmParams_t const *params)
{
    (void)state, (void)ip, (void)iend, (void)params;
}

size_t ZSTD_ldm_generateSequences(ldmState_t *ldms, RawSeqStore_t *sequences, ldmParams_t const *params,
                                  void const *src, size_t srcSize)
{
    (void)ldms, (void)sequences, (void)params, (void)src, (void)srcSize;
    return ERROR(parameter_unsupported);
}

size_t ZSTD_ldm_blockCompress(RawSeqStore_t *rawSeqStore, ZSTD_MatchState_t *ms, SeqStore_t *seqStore,
                              U32 rep[ZSTD_REP_NUM], ZSTD_ParamSwitch_e useRowMatchFinder, void const *src,
                              size_t srcSize)
{
    (void)rawSeqStore, (void)ms, (void)seqStore, (void)rep, (void)useRowMatchFinder, (void)src;
    return srcSize; /* all of it literals */
}

/* Called for blocks too small to compress, with no sequences to skip. */
void ZSTD_ldm_skipSequences(RawSeqStore_t *rawSeqStore, size_t srcSize, U32 const minMatch)
{
    (void)rawSeqStore, (void)srcSize, (void)minMatch;
}

void ZSTD_ldm_skipRawSeqStoreBytes(RawSeqStore_t *rawSeqStore, size_t nbBytes)
{
    (void)rawSeqStore, (void)nbBytes;
}

size_t ZSTD_compressSuperBlock(ZSTD_CCtx *zc, void *dst, size_t dstCapacity, void const *src, size_t srcSize,
                               unsigned lastBlock)
{
    (void)zc, (void)dst, (void)dstCapacity, (void)src, (void)srcSize, (void)lastBlock;
    return ERROR(parameter_unsupported);
}

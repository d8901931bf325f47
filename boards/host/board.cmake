set(KIST_BOARD_COMPRESSOR zstd) # of a layer's squashfs: zstd, or gzip for kernels without it

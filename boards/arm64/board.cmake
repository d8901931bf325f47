# What this board chooses; see boards/README.md.
set(KIST_BOARD_COMPRESSOR zstd) # of a layer's squashfs: zstd, or gzip for kernels without it
set(KIST_BOARD_HOT_FLAGS -O2)   # for zlib and zstd in a small build; -Os saves 35 KB on armv7

set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(KIST_GNU aarch64-linux-gnu)
set(KIST_MUSL aarch64-linux-musl)
set(KIST_CFLAGS -mno-outline-atomics) # the helpers need glibc's getauxval at start
set(KIST_EMULATOR qemu-aarch64-static)
include("${CMAKE_CURRENT_LIST_DIR}/../deps/toolchain.cmake")

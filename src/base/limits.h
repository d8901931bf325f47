/*
 * The caps on everything that comes from outside, in one place. A board overrides one with
 * -DKIST_MAX_...=value.
 */
#ifndef KIST_BASE_LIMITS_H
#define KIST_BASE_LIMITS_H

/* Bytes of a manifest or an index (the distribution spec asks registries to take 4 MiB). */
#ifndef KIST_MAX_MANIFEST
#define KIST_MAX_MANIFEST (4U << 20)
#endif
/* Bytes of an image config. */
#ifndef KIST_MAX_CONFIG
#define KIST_MAX_CONFIG (4U << 20)
#endif
/* Bytes of a token server's answer, or of a registry's error body. */
#ifndef KIST_MAX_ANSWER
#define KIST_MAX_ANSWER (256U << 10)
#endif
/* Bytes of one HTTP header line. */
#ifndef KIST_MAX_HEADER
#define KIST_MAX_HEADER (16U << 10)
#endif
/* Objects and arrays inside one another in a JSON text. */
#ifndef KIST_MAX_JSON_DEPTH
#define KIST_MAX_JSON_DEPTH 64
#endif
/* Values, members of objects and elements of arrays alike, in a JSON text: each costs 64 bytes of memory. */
#ifndef KIST_MAX_JSON_VALUES
#define KIST_MAX_JSON_VALUES 65536U
#endif
/* Layers of one image; overlayfs takes no more than 500, Docker no more than 127. */
#ifndef KIST_MAX_LAYERS
#define KIST_MAX_LAYERS 128
#endif
/* Manifests in one index. */
#ifndef KIST_MAX_INDEX
#define KIST_MAX_INDEX 1024
#endif
/* Bytes of a path in a layer, without NUL; Linux takes 4095. */
#ifndef KIST_MAX_PATH
#define KIST_MAX_PATH 4095
#endif
/* Bytes of a pax or GNU long header's body. */
#ifndef KIST_MAX_TAR_HEADER
#define KIST_MAX_TAR_HEADER (1U << 20)
#endif
/* Bytes of what the global pax headers of one archive say. */
#ifndef KIST_MAX_TAR_GLOBAL
#define KIST_MAX_TAR_GLOBAL (64U << 10)
#endif
/* Extended attributes of one member. */
#ifndef KIST_MAX_TAR_XATTRS
#define KIST_MAX_TAR_XATTRS 128
#endif
/* Stretches of data in one sparse member. */
#ifndef KIST_MAX_TAR_EXTENTS
#define KIST_MAX_TAR_EXTENTS 65536U
#endif
/* Entries of one layer that become inodes. */
#ifndef KIST_MAX_LAYER_INODES
#define KIST_MAX_LAYER_INODES 1000000U
#endif
/* Bytes of all the paths, link targets and xattrs of one layer. */
#ifndef KIST_MAX_LAYER_NAMES
#define KIST_MAX_LAYER_NAMES (64U << 20)
#endif
/* A layer may unpack to at most so many bytes more, and so many times, its compressed size: past that it is a bomb. */
#ifndef KIST_MAX_UNPACK_SLACK
#define KIST_MAX_UNPACK_SLACK (64U << 20)
#endif
#ifndef KIST_MAX_UNPACK_RATIO
#define KIST_MAX_UNPACK_RATIO 256U
#endif
/* Largest window a zstd frame may ask for: 8 MiB, what every decoder must support (RFC 8878, 3.1.1.1.2). */
#ifndef KIST_MAX_ZSTD_WINDOW_LOG
#define KIST_MAX_ZSTD_WINDOW_LOG 23
#endif
/* Entries of index.json: each holds about 20 of the KIST_MAX_JSON_VALUES that reading it allows. */
#ifndef KIST_MAX_STORE_IMAGES
#define KIST_MAX_STORE_IMAGES 2048
#endif
/* Bytes of index.json. */
#ifndef KIST_MAX_STORE_INDEX
#define KIST_MAX_STORE_INDEX (8U << 20)
#endif
/* Steps that the build cache knows. */
#ifndef KIST_MAX_BUILD_CACHE
#define KIST_MAX_BUILD_CACHE 1024U
#endif
/* Files of build contexts whose digests are known from one build to the next, 32 bytes each. */
#ifndef KIST_MAX_KNOWN_FILES
#define KIST_MAX_KNOWN_FILES 16384U
#endif
/* Seconds for which what a failed or killed pull left is kept, to be gone on with: 7 days. */
#ifndef KIST_MAX_LEFT_AGE
#define KIST_MAX_LEFT_AGE (7 * 24 * 60 * 60)
#endif
/* Read-only stores below the writable one. */
#ifndef KIST_MAX_STORES
#define KIST_MAX_STORES 8
#endif
/* Bytes of damaged files that are kept after their repair. */
#ifndef KIST_MAX_DAMAGED
#define KIST_MAX_DAMAGED (4U << 20)
#endif
/* Bytes of a configuration file or an env file. */
#ifndef KIST_MAX_CONF
#define KIST_MAX_CONF (256U << 10)
#endif
/* Members of an archive of images that may be needed: documents, layers, links. */
#ifndef KIST_MAX_ARCHIVE_MEMBERS
#define KIST_MAX_ARCHIVE_MEMBERS 16384U
#endif
/* Bytes of all the documents in an archive of images. */
#ifndef KIST_MAX_ARCHIVE_TEXT
#define KIST_MAX_ARCHIVE_TEXT (16U << 20)
#endif
/* Bytes of a Dockerfile. */
#ifndef KIST_MAX_DOCKERFILE
#define KIST_MAX_DOCKERFILE (4U << 20)
#endif
/* Bytes of one line of it, as Docker has it; an instruction may have many lines. */
#ifndef KIST_MAX_DOCKERFILE_LINE
#define KIST_MAX_DOCKERFILE_LINE 65535U
#endif
/* Instructions of one Dockerfile: each costs some 200 bytes of memory. */
#ifndef KIST_MAX_INSTRUCTIONS
#define KIST_MAX_INSTRUCTIONS 16384U
#endif
/* Bytes that an argument has with its variables expanded: Linux takes no longer one from a command (MAX_ARG_STRLEN). */
#ifndef KIST_MAX_EXPANSION
#define KIST_MAX_EXPANSION 131071U
#endif
/* Bytes of a .dockerignore, and patterns in it. */
#ifndef KIST_MAX_IGNORE
#define KIST_MAX_IGNORE (1U << 20)
#endif
#ifndef KIST_MAX_IGNORE_PATTERNS
#define KIST_MAX_IGNORE_PATTERNS 8192U
#endif

#endif

#include "build/dockerfile.h"

#include "base/limits.h"

#include "test.h"

/* The tree as text: "KEYWORD --flag=value <arg> <arg> json {name:content}", instructions parted by "; ". */
static void dump(struct kist_buf *out, const struct kist_dockerfile *df)
{
    struct kist_error err;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < df->n; i++) {
        const struct kist_instruction *in = &df->v[i];

        rc = kist_buf_printf(out, &err, "%s%s", i ? "; " : "", kist_keyword_name(in->keyword));
        for (size_t n = 0; rc == 0 && n < in->flag_count; n++) {
            rc = kist_buf_printf(out, &err, " --%s=%s", in->flags[n].name, in->flags[n].value);
        }
        for (size_t n = 0; rc == 0 && n < in->args.n; n++) {
            rc = kist_buf_printf(out, &err, " <%s>", in->args.v[n]);
        }
        for (size_t n = 0; rc == 0 && n < in->heredoc_count; n++) {
            const struct kist_heredoc *h = &in->heredocs[n];

            rc = kist_buf_printf(out, &err, " {%s%s%s:%s}", h->strip ? "-" : "", h->expand ? "$" : "", h->name, h->content);
        }
        rc = rc == 0 && in->json ? kist_buf_puts(out, " json", &err) : rc;
    }
    CHECK_INT(rc, 0);
}

static void check_tree(const char *text, const char *tree)
{
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(1U << 20);
    KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0};
    struct kist_error err = {0};

    TEST_CASE(text);
    CHECK_OK(kist_dockerfile_parse(&df, "Dockerfile", text, strlen(text), &err), err);
    dump(&out, &df);
    CHECK_STR(kist_buf_text(&out), tree);
}

#define F "FROM a\n"

TEST(reads_every_instruction)
{
    static const struct {
        const char *text, *tree;
    } rows[] = {
        {"FROM alpine", "FROM <alpine>"},
        {"from alpine:3 as Base", "FROM <alpine:3> <as> <Base>"},
        {"FROM --platform=$BUILDPLATFORM a AS b", "FROM --platform=$BUILDPLATFORM <a> <AS> <b>"},
        {"ARG V=1\nFROM a:$V", "ARG <V=1>; FROM <a:$V>"},
        {F "ARG a b=1 c=\"x y\" d=", "FROM <a>; ARG <a> <b=1> <c=\"x y\"> <d=>"},
        {F "RUN apt-get update && echo \"a  b\"", "FROM <a>; RUN <apt-get update && echo \"a  b\">"},
        {F "RUN [\"a\", \"b c\"]", "FROM <a>; RUN <a> <b c> json"},
        {F "RUN ['a']", "FROM <a>; RUN <['a']>"},
        {F "RUN [ -f x ] && y", "FROM <a>; RUN <[ -f x ] && y>"},
        {F "RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --network=none x",
         "FROM <a>; RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --network=none <x>"},
        {F "RUN -- --x", "FROM <a>; RUN <--x>"},
        {F "COPY a b /c/", "FROM <a>; COPY <a> <b> </c/>"},
        {F "COPY [\"a b\", \"/c\"]", "FROM <a>; COPY <a b> </c> json"},
        {F "COPY --from=b --chown=1:2 --chmod=755 --link --parents --exclude=*.o --exclude=x a b",
         "FROM <a>; COPY --from=b --chown=1:2 --chmod=755 --link=true --parents=true --exclude=*.o --exclude=x <a> <b>"},
        {F "COPY --link=false a\\b '$c' d", "FROM <a>; COPY --link=false <a\\b> <'$c'> <d>"},
        {F "ADD --checksum=sha256:1 --keep-git-dir --unpack=true http://x/y /z",
         "FROM <a>; ADD --checksum=sha256:1 --keep-git-dir=true --unpack=true <http://x/y> </z>"},
        {F "COPY --chown=\"a b\":'c' x y", "FROM <a>; COPY --chown=a b:c <x> <y>"},
        {F "ENV a=1 b=\"x y\" c=z\\ w d='q'", "FROM <a>; ENV <a> <1> <b> <\"x y\"> <c> <z\\ w> <d> <'q'>"},
        {F "ENV a some  text", "FROM <a>; ENV <a> <some  text>"},
        {F "ENV a b=c", "FROM <a>; ENV <a> <b=c>"},
        {F "ENV a=", "FROM <a>; ENV <a> <>"},
        {F "LABEL \"a b\"=c d.e=\"f\"", "FROM <a>; LABEL <\"a b\"> <c> <d.e> <\"f\">"},
        {F "EXPOSE 80 443/tcp  53/udp", "FROM <a>; EXPOSE <80> <443/tcp> <53/udp>"},
        {F "CMD echo $HOME", "FROM <a>; CMD <echo $HOME>"},
        {F "CMD []", "FROM <a>; CMD json"},
        {F "ENTRYPOINT [\"/x\"]", "FROM <a>; ENTRYPOINT </x> json"},
        {F "ENTRYPOINT exec top -b", "FROM <a>; ENTRYPOINT <exec top -b>"},
        {F "WORKDIR /a b", "FROM <a>; WORKDIR </a b>"},
        {F "USER $U:g", "FROM <a>; USER <$U:g>"},
        {F "VOLUME /a /b", "FROM <a>; VOLUME </a> </b>"},
        {F "VOLUME [\"/a\"]", "FROM <a>; VOLUME </a> json"},
        {F "STOPSIGNAL SIGKILL", "FROM <a>; STOPSIGNAL <SIGKILL>"},
        {F "SHELL [\"/bin/bash\", \"-c\"]", "FROM <a>; SHELL </bin/bash> <-c> json"},
        {F "MAINTAINER Conan O'Brien", "FROM <a>; MAINTAINER <Conan O'Brien>"},
        {F "HEALTHCHECK none", "FROM <a>; HEALTHCHECK <NONE>"},
        {F "HEALTHCHECK --interval=5s --timeout=3s --start-period=1s --start-interval=2s --retries=4 cmd curl -f x",
         "FROM <a>; HEALTHCHECK --interval=5s --timeout=3s --start-period=1s --start-interval=2s --retries=4 <CMD> <curl -f x>"},
        {F "HEALTHCHECK CMD [\"a\", \"b\"]", "FROM <a>; HEALTHCHECK <CMD> <a> <b> json"},
        {F "ONBUILD COPY . /src", "FROM <a>; ONBUILD <COPY . /src>"},
        {F "onbuild  run x", "FROM <a>; ONBUILD <run x>"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        check_tree(rows[i].text, rows[i].tree);
    }
}

TEST(joins_lines)
{
    static const struct {
        const char *text, *tree;
    } rows[] = {
        {F "RUN a \\\n  b\\\nc", "FROM <a>; RUN <a   bc>"},
        {F "RUN a \\  \t\n b", "FROM <a>; RUN <a  b>"},
        {F "RUN a \\\r\n b\r\n", "FROM <a>; RUN <a  b>"},
        {F "RUN a \\\n# no\n   # neither\n  b", "FROM <a>; RUN <a   b>"},
        {F "RUN a \\\n\n   \n  b", "FROM <a>; RUN <a   b>"},
        {F "RUN a \\\n", "FROM <a>; RUN <a>"},
        {F "RUN a \\", "FROM <a>; RUN <a>"},
        {F "RUN a \\\\\nUSER x", "FROM <a>; RUN <a \\\\>; USER <x>"},
        {F "RUN \\\n  --mount=type=tmpfs,target=/a \\\n  x", "FROM <a>; RUN --mount=type=tmpfs,target=/a <x>"},
        {F "\\\n\\\nRUN x", "FROM <a>; RUN <x>"},
        {F "\\\n", "FROM <a>"},
        {F "RU\\\nN x", "FROM <a>; RUN <x>"},
        {F "RUN a # b", "FROM <a>; RUN <a # b>"},
        {F "   RUN   a  ", "FROM <a>; RUN <a>"},
        {F "\tRUN\ta", "FROM <a>; RUN <a>"},
        {"\xef\xbb\xbf" F "USER b", "FROM <a>; USER <b>"},
        {"FROM a\r\nUSER b\r\n\r\n", "FROM <a>; USER <b>"},
        {"# a comment \\\nFROM a", "FROM <a>"},
        {"\n\n# x\n\nFROM a\n", "FROM <a>"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        check_tree(rows[i].text, rows[i].tree);
    }
}

TEST(reads_heredocs)
{
    static const struct {
        const char *text, *tree;
    } rows[] = {
        {F "RUN <<EOF\na\n  b\nEOF\nUSER x", "FROM <a>; RUN <<<EOF> {$EOF:a\n  b\n}; USER <x>"},
        {F "RUN <<EOF\nEOF", "FROM <a>; RUN <<<EOF> {$EOF:}"},
        {F "RUN <<'EOF'\n$a\nEOF", "FROM <a>; RUN <<<'EOF'> {EOF:$a\n}"},
        {F "RUN <<\"E O\"\nx\nE O", "FROM <a>; RUN <<<\"E O\"> {E O:x\n}"},
        {F "RUN <<-EOF\n\tx\n\t\tEOF", "FROM <a>; RUN <<<-EOF> {-$EOF:\tx\n}"},
        {F "RUN <<EOF\n\tEOF\nEOF", "FROM <a>; RUN <<<EOF> {$EOF:\tEOF\n}"},
        {F "RUN cat <<A <<B > /x\n1\nA\n2\nB\n", "FROM <a>; RUN <cat <<A <<B > /x> {$A:1\n} {$B:2\n}"},
        {F "RUN cat << EOF > /x\n1\nEOF", "FROM <a>; RUN <cat << EOF > /x> {$EOF:1\n}"},
        {F "RUN cat 3<<EOF\n1\nEOF", "FROM <a>; RUN <cat 3<<EOF> {$EOF:1\n}"},
        {F "RUN x \\\n <<EOF\n# kept \\\nEOF", "FROM <a>; RUN <x  <<EOF> {$EOF:# kept \\\n}"},
        {F "RUN echo $((1<<2)) $(( 1 << 2 )) '<<EOF' \"<<EOF\" <<<x", "FROM <a>; RUN <echo $((1<<2)) $(( 1 << 2 )) '<<EOF' \"<<EOF\" <<<x>"},
        {F "RUN echo it's <<EOF", "FROM <a>; RUN <echo it's <<EOF>"},
        {F "RUN [\"<<EOF\"]", "FROM <a>; RUN <<<EOF> json"},
        {F "CMD <<EOF", "FROM <a>; CMD <<<EOF>"},
        {F "COPY <<EOF /f\nx\r\nEOF\r\n", "FROM <a>; COPY </f> {$EOF:x\r\n}"},
        {F "COPY a <<x <<'y' b /d/\n1\nx\n2\ny\n", "FROM <a>; COPY <a> <b> </d/> {$x:1\n} {y:2\n}"},
        {F "COPY << x /d/\n1\nx\n", "FROM <a>; COPY </d/> {$x:1\n}"},
        {F "ADD --chmod=755 <<a.sh /\n#!/bin/sh\na.sh", "FROM <a>; ADD --chmod=755 </> {$a.sh:#!/bin/sh\n}"},
        {F "ONBUILD RUN <<EOF\nx\nEOF\nUSER y", "FROM <a>; ONBUILD <RUN <<EOF\nx\nEOF>; USER <y>"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        check_tree(rows[i].text, rows[i].tree);
    }
}

TEST(follows_directives)
{
    KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0};
    static const char whole[] = "# syntax=docker/dockerfile:1.7-labs\n#ESCAPE = `\n# check = skip=all \nFROM a\nRUN x `\n y\n"
                                "COPY C:\\a\\ b\nENV a=x` y\n";
    struct kist_error err = {0};

    REQUIRE_OK(kist_dockerfile_parse(&df, "Dockerfile", whole, strlen(whole), &err), err);
    CHECK_STR(df.syntax, "docker/dockerfile:1.7-labs");
    CHECK_STR(df.check, "skip=all");
    CHECK_INT(df.escape, '`');
    CHECK_STR(df.v[1].args.v[0], "x  y");
    CHECK_STR(df.v[2].args.v[0], "C:\\a\\");
    CHECK_STR(df.v[3].args.v[1], "x` y");
    /* behind a comment, a blank line or an instruction they are comments */
    check_tree("# hello\n# escape=`\nFROM a\nRUN a \\\nb", "FROM <a>; RUN <a b>");
    check_tree("\n# escape=`\nFROM a\nRUN a \\\nb", "FROM <a>; RUN <a b>");
    check_tree("# unknown=1\n# escape=`\nFROM a\nRUN a \\\nb", "FROM <a>; RUN <a b>");
    check_tree("FROM a\n# escape=`\nRUN a \\\nb", "FROM <a>; RUN <a b>");
    check_tree("#!/usr/bin/env x\nFROM a", "FROM <a>");
}

TEST(warns)
{
    static const struct {
        const char *text, *warning;
    } rows[] = {
        {F "RUN a \\\n\n b", "Dockerfile:2: an empty line in a continued instruction; it is left out"},
        {F "CMD ['a']", "Dockerfile:2: what 'CMD' has in '[' is no JSON list, thus not the exec form"},
        {"FROM a AS x\nFROM b\nFROM c AS X", "Dockerfile:3: stage name 'X' is that of line 1 too; from here on it is this stage"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0};
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        REQUIRE_OK(kist_dockerfile_parse(&df, "Dockerfile", rows[i].text, strlen(rows[i].text), &err), err);
        REQUIRE(df.warnings.n == 1);
        CHECK_STR(df.warnings.v[0], rows[i].warning);
    }
}

TEST(warns_of_no_shell_test_and_no_pattern)
{
    static const char text[] = F "RUN [ -f x ] && y\nCOPY [[]x] /y\nCMD [a]\n";
    KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0};
    struct kist_error err = {0};

    REQUIRE_OK(kist_dockerfile_parse(&df, "Dockerfile", text, strlen(text), &err), err);
    CHECK_INT(df.warnings.n, 0);
}

TEST(knows_where_things_stand)
{
    static const char text[] = "FROM a\nRUN --network=none x \\\n# c\n  y\n\nCOPY <<E /e\n1\nE\nUSER z\n";
    KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0};
    struct kist_error err = {0};

    REQUIRE_OK(kist_dockerfile_parse(&df, "d/Dockerfile", text, strlen(text), &err), err);
    REQUIRE(df.n == 4);
    CHECK_STR(df.v[1].text, "RUN --network=none x   y");
    CHECK_STR(df.v[1].rest, "x   y");
    CHECK_INT(df.v[1].line, 2);
    CHECK_INT(df.v[1].last_line, 4);
    CHECK_INT(df.v[2].line, 6);
    CHECK_INT(df.v[2].last_line, 8);
    CHECK_STR(df.v[2].text + df.v[2].at[0], "/e");
    CHECK_INT(kist_dockerfile_fail(&df, &df.v[1], strlen("RUN --network=none x   "), &err, KIST_E_NOT_FOUND, "no %s", "y"),
              KIST_E_NOT_FOUND);
    CHECK_STR(err.message, "d/Dockerfile:4:3: no y\n    4 |   y\n      |   ^");
    CHECK_INT(err.code, KIST_E_NOT_FOUND);
    /* who finds it again on the way out leaves it */
    CHECK_INT(kist_dockerfile_blame(&df, &df.v[0], 0, &err), KIST_E_NOT_FOUND);
    CHECK_STR(err.message, "d/Dockerfile:4:3: no y\n    4 |   y\n      |   ^");
    CHECK_INT(kist_instruction_flag_at(&df.v[1], "network"), 4);
    CHECK_INT(kist_instruction_flag_at(&df.v[1], "mount"), 0);
    (void)kist_error_set(&err, KIST_E_NO_SPACE, "full");
    CHECK_INT(kist_dockerfile_blame(&df, &df.v[1], df.v[1].flags[0].at, &err), KIST_E_NO_SPACE);
    CHECK_STR(err.message, "d/Dockerfile:2:5: full\n    2 | RUN --network=none x \\\n      |     ^~~~~~~~~~~~~~");
}

TEST(refuses_with_place_and_cause)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "'Dockerfile' has no instructions"},
        {"# only this\n\n", "'Dockerfile' has no instructions"},
        {"ARG x", "'Dockerfile' has no 'FROM'"},
        {F "RUNN x", "Dockerfile:2:1: unknown instruction 'RUNN' (did you mean 'RUN'?)\n    2 | RUNN x\n      | ^~~~"},
        {F "  copyy x y", "Dockerfile:2:3: unknown instruction 'copyy' (did you mean 'COPY'?)\n    2 |   copyy x y\n      |   ^~~~~"},
        {F "RUN a &&\n  apt-get install", "Dockerfile:3:3: unknown instruction 'apt-get' (is a '\\' missing at the end of line 2?)\n"
                                         "    3 |   apt-get install\n      |   ^~~~~~~"},
        {F "\nBOGUSINSTRUCTION", "Dockerfile:3:1: unknown instruction 'BOGUSINSTRUCTION'\n    3 | BOGUSINSTRUCTION\n      | ^~~~~~~~~~~~~~~~"},
        {"RUN x", "Dockerfile:1:1: 'RUN' stands before the first 'FROM'; only 'ARG' may\n    1 | RUN x\n      | ^~~"},
        {"FROM", "Dockerfile:1:1: 'FROM' wants IMAGE [AS NAME]\n    1 | FROM\n      | ^~~~"},
        {"FROM a b", "Dockerfile:1:8: 'FROM' wants IMAGE [AS NAME]\n    1 | FROM a b\n      |        ^"},
        {"FROM a AS 1x", "Dockerfile:1:11: '1x' is no name for a stage: it begins with a letter and has letters, digits, '-', '_' and "
                         "'.'\n    1 | FROM a AS 1x\n      |           ^~"},
        {F "RUN", "Dockerfile:2:1: 'RUN' wants a command, or [\"command\", \"argument\"...]\n    2 | RUN\n      | ^~~"},
        {F "RUN []", "Dockerfile:2:1: 'RUN' wants a command, or [\"command\", \"argument\"...]\n    2 | RUN []\n      | ^~~"},
        {F "CMD", "Dockerfile:2:1: 'CMD' wants a command, or [\"command\", \"argument\"...]\n    2 | CMD\n      | ^~~"},
        {F "CMD [\"a\", 1]", "Dockerfile:2:5: 'CMD' takes a list of strings only\n    2 | CMD [\"a\", 1]\n      |     ^~~~~"},
        {F "COPY a", "Dockerfile:2:1: 'COPY' wants SOURCE... DESTINATION\n    2 | COPY a\n      | ^~~~"},
        {F "COPY a <<x\nx", "Dockerfile:2:8: 'COPY' cannot have a heredoc as its destination\n    2 | COPY a <<x\n      |        ^~~"},
        {F "COPY --form=x a b", "Dockerfile:2:6: 'COPY' has no flag '--form' (did you mean '--from'?)\n    2 | COPY --form=x a b\n"
                                "      |      ^~~~~~~~"},
        {F "COPY --from=$x a b", "Dockerfile:2:6: 'COPY' flag '--from' takes no variable: name a stage, 'FROM ... AS NAME', and copy "
                                 "from that\n    2 | COPY --from=$x a b\n      |      ^~~~~~~~~"},
        {F "COPY --from a b", "Dockerfile:2:6: 'COPY' flag '--from' needs a value\n    2 | COPY --from a b\n      |      ^~~~~~"},
        {F "COPY --link=x a b", "Dockerfile:2:6: 'COPY' flag '--link' is 'true' or 'false'\n    2 | COPY --link=x a b\n      |      ^~~~~~~~"},
        {F "COPY --chown=a --chown=b a b", "Dockerfile:2:16: 'COPY' flag '--chown' is given twice\n    2 | COPY --chown=a --chown=b a b\n"
                                           "      |                ^~~~~~~~~"},
        {F "CMD --help", "Dockerfile:2:5: 'CMD' has no flag '--help'\n    2 | CMD --help\n      |     ^~~~~~"},
        {F "ENV", "Dockerfile:2:1: 'ENV' wants NAME=VALUE...\n    2 | ENV\n      | ^~~"},
        {F "ENV a", "Dockerfile:2:5: 'ENV' wants NAME=VALUE, and here is no '='\n    2 | ENV a\n      |     ^"},
        {F "ENV a=1 b", "Dockerfile:2:9: 'ENV' wants NAME=VALUE, and here is no '='\n    2 | ENV a=1 b\n      |         ^"},
        {F "ENV =1", "Dockerfile:2:5: 'ENV' has a value without a name\n    2 | ENV =1\n      |     ^~"},
        {F "ENV a=\"x y", "Dockerfile:2:7: a double quote is not closed\n    2 | ENV a=\"x y\n      |       ^~"},
        {F "LABEL a=b 'x", "Dockerfile:2:11: a single quote is not closed\n    2 | LABEL a=b 'x\n      |           ^~"},
        {F "ARG =x", "Dockerfile:2:5: 'ARG' has a value without a name\n    2 | ARG =x\n      |     ^~"},
        {F "WORKDIR \"x", "Dockerfile:2:9: a double quote is not closed\n    2 | WORKDIR \"x\n      |         ^~"},
        {F "USER a${b", "Dockerfile:2:7: '${' is not closed\n    2 | USER a${b\n      |       ^~~"},
        {F "COPY 'a b' c", "Dockerfile:2:6: a single quote is not closed\n    2 | COPY 'a b' c\n      |      ^~"},
        {F "COPY a \\\n  ${b /c", "Dockerfile:3:3: '${' is not closed\n    3 |   ${b /c\n      |   ^~~"},
        {"FROM a:${b:=c}", "Dockerfile:1:8: unknown modifier in '${'\n    1 | FROM a:${b:=c}\n      |        ^~~~~~~"},
        {F "COPY --chown=a:${b x /", "Dockerfile:2:16: '${' is not closed\n    2 | COPY --chown=a:${b x /\n      |                ^~~"},
        {F "RUN --mount='a x", "Dockerfile:2:13: a single quote is not closed\n    2 | RUN --mount='a x\n      |             ^~"},
        {F "RUN cat <<EOF\nx\n EOF\n", "Dockerfile:2:9: the heredoc is not closed: no line 'EOF' follows (line 4 has it with space around "
                                       "it)\n    2 | RUN cat <<EOF\n      |         ^~~~~"},
        {F "COPY <<A <<B /c\nA\n", "Dockerfile:2:10: the heredoc is not closed: no line 'B' follows\n    2 | COPY <<A <<B /c\n"
                                   "      |          ^~~"},
        {F "SHELL /bin/sh -c", "Dockerfile:2:7: 'SHELL' wants a JSON list: [\"/bin/sh\", \"-c\"]\n    2 | SHELL /bin/sh -c\n      |       ^~~~~~~"},
        {F "HEALTHCHECK", "Dockerfile:2:1: 'HEALTHCHECK' wants CMD and a command, or NONE\n    2 | HEALTHCHECK\n      | ^~~~~~~~~~~"},
        {F "HEALTHCHECK curl x", "Dockerfile:2:13: 'HEALTHCHECK' is followed by CMD or NONE\n    2 | HEALTHCHECK curl x\n      |             ^~~~"},
        {F "HEALTHCHECK CMD", "Dockerfile:2:16: 'HEALTHCHECK' CMD wants a command\n    2 | HEALTHCHECK CMD\n      |                ^"},
        {F "HEALTHCHECK NONE x", "Dockerfile:2:18: 'HEALTHCHECK' NONE takes no arguments\n    2 | HEALTHCHECK NONE x\n      |                  ^"},
        {F "ONBUILD", "Dockerfile:2:1: 'ONBUILD' wants an instruction\n    2 | ONBUILD\n      | ^~~~~~~"},
        {F "ONBUILD FROM x", "Dockerfile:2:9: 'FROM' is no trigger for 'ONBUILD'\n    2 | ONBUILD FROM x\n      |         ^~~~"},
        {F "ONBUILD COPPY x", "Dockerfile:2:9: unknown instruction 'COPPY' (did you mean 'COPY'?)\n    2 | ONBUILD COPPY x\n      |         ^~~~~"},
        {"# escape=/\n" F, "Dockerfile:1:3: the escape character can be '\\' or '`', not '/'\n    1 | # escape=/\n      |   ^~~~~~~~"},
        {"# escape=`\n# escape=`\n" F, "Dockerfile:2:3: only one 'escape' directive can be used\n    2 | # escape=`\n      |   ^~~~~~~~"},
        {F "USER \xc3\xa9\xc3\xa9 ${", "Dockerfile:2:9: '${' is not closed\n    2 | USER \xc3\xa9\xc3\xa9 ${\n      |         ^~"},
        {F "USER\t${", "Dockerfile:2:6: '${' is not closed\n    2 | USER ${\n      |      ^~"},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        struct kist_dockerfile df;
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        CHECK_INT(kist_dockerfile_parse(&df, "Dockerfile", rows[i].text, strlen(rows[i].text), &err), KIST_E_USAGE);
        CHECK_STR(err.message, rows[i].message);
        CHECK(df.v == NULL && df.name == NULL);
    }
}

TEST(refuses_other_languages)
{
    static const char *const bad[] = {"# syntax=example.com/x", "# syntax=docker/dockerfilex:1", "# syntax=tonistiigi/x:1"};
    static const char *const good[] = {"# syntax=docker/dockerfile", "# syntax=docker.io/docker/dockerfile:1",
                                       "# syntax=docker/dockerfile-upstream:master"};
    struct kist_error err = {0};
    char text[100];

    for (size_t i = 0; i < KIST_COUNT(bad); i++) {
        struct kist_dockerfile df;

        TEST_CASE(bad[i]);
        (void)snprintf(text, sizeof(text), "%s\nFROM a", bad[i]);
        CHECK_INT(kist_dockerfile_parse(&df, "Dockerfile", text, strlen(text), &err), KIST_E_UNSUPPORTED);
    }
    for (size_t i = 0; i < KIST_COUNT(good); i++) {
        KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0};

        TEST_CASE(good[i]);
        (void)snprintf(text, sizeof(text), "%s\nFROM a", good[i]);
        CHECK_OK(kist_dockerfile_parse(&df, "Dockerfile", text, strlen(text), &err), err);
    }
}

TEST(bounds_lines_and_files)
{
    size_t len = KIST_MAX_DOCKERFILE + 1;
    char *text = malloc(len);
    struct kist_dockerfile df;
    struct kist_error err = {0};

    REQUIRE(text != NULL);
    memset(text, 'x', len);
    memcpy(text, "FROM a\nRUN ", 11);
    CHECK_INT(kist_dockerfile_parse(&df, "Dockerfile", text, 1U << 20, &err), KIST_E_USAGE);
    CHECK(strncmp(err.message, "Dockerfile:2:1: the line is longer than 65535 bytes\n    2 | RUN xxx", 65) == 0);
    CHECK(strlen(err.message) < 300);
    CHECK_INT(kist_dockerfile_parse(&df, "Dockerfile", text, len, &err), KIST_E_USAGE);
    CHECK_STR(err.message, "'Dockerfile' has more than 4194304 bytes");
    CHECK_OK(kist_dockerfile_parse(&df, "Dockerfile", text, 7 + KIST_MAX_DOCKERFILE_LINE, &err), err);
    kist_dockerfile_release(&df);
    CHECK_INT(kist_dockerfile_parse(&df, "Dockerfile", "FROM a\nRUN a\0b\n", 15, &err), KIST_E_USAGE);
    CHECK_STR(err.message, "Dockerfile:2:1: the line has a NUL byte: this is no text\n    2 | RUN a b\n      | ^~~");
    for (size_t i = 0; i < len; i += 7) {
        memcpy(text + i, "FROM a\n", KIST_MIN((size_t)7, len - i));
    }
    CHECK_INT(kist_dockerfile_parse(&df, "Dockerfile", text, 7 * KIST_MAX_INSTRUCTIONS, &err) < 0, 0);
    kist_dockerfile_release(&df);
    CHECK_INT(kist_dockerfile_parse(&df, "Dockerfile", text, 7 * KIST_MAX_INSTRUCTIONS + 7, &err), KIST_E_USAGE);
    CHECK_STR(err.message, "Dockerfile:16385:1: more than 16384 instructions\n16385 | FROM a\n      | ^~~~");
    free(text);
}

TEST(cuts_a_long_line_around_the_caret)
{
    char text[400] = F "USER ";
    struct kist_dockerfile df;
    struct kist_error err = {0};

    memset(text + strlen(text), 'x', 200);
    strcat(strcat(text, " ${"), "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy");
    CHECK_INT(kist_dockerfile_parse(&df, "Dockerfile", text, strlen(text), &err), KIST_E_USAGE);
    CHECK_STR(err.message, "Dockerfile:2:207: '${' is not closed\n"
                           "    2 | ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx "
                           "${yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...\n"
                           "      |                                                    "
                           "^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~");
}

TEST(reads_triggers)
{
    KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0};
    KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(1000);
    struct kist_error err = {0};
    struct kist_dockerfile bad;

    REQUIRE_OK(kist_dockerfile_parse_trigger(&df, "trigger", "COPY <<E <<-F /x\n1\nE\n\t2\nF", &err), err);
    dump(&out, &df);
    CHECK_STR(kist_buf_text(&out), "COPY </x> {$E:1\n} {-$F:\t2\n}");
    CHECK_INT(kist_dockerfile_parse_trigger(&bad, "trigger", "RUN a\nRUN b", &err), KIST_E_USAGE);
    CHECK_STR(err.message, "trigger:2:1: a trigger is one instruction\n    2 | RUN b\n      | ^~~");
    CHECK_INT(kist_dockerfile_parse_trigger(&bad, "trigger", "", &err), KIST_E_USAGE);
    CHECK_STR(err.message, "'trigger' has no instructions");
}

TEST(gives_a_run_its_script)
{
    static const struct {
        const char *text, *script;
        int own;
    } rows[] = {
        {F "RUN a b", "a b", 0},
        {F "RUN <<E\na\nb\nE", "a\nb\n", 0},
        {F "RUN <<-E\n\ta\n\t\tb\n\tE", "a\nb\n", 0},
        {F "RUN << E\na\nE", "a\n", 0},
        {F "RUN <<E\n#!/usr/bin/python3\nE", "#!/usr/bin/python3\n", 1},
        {F "RUN cat <<E > x\na\nE", "cat <<E > x\na\nE", 0},
        {F "RUN cat <<-E <<'F'\n\ta\nE\nb\nF", "cat <<-E <<'F'\n\ta\nE\nb\nF", 0},
    };

    for (size_t i = 0; i < KIST_COUNT(rows); i++) {
        KIST_AUTO(dockerfile) struct kist_dockerfile df = {.n = 0};
        KIST_AUTO(buf) struct kist_buf out = KIST_BUF_INIT(1000);
        struct kist_error err = {0};

        TEST_CASE(rows[i].text);
        REQUIRE_OK(kist_dockerfile_parse(&df, "Dockerfile", rows[i].text, strlen(rows[i].text), &err), err);
        CHECK_INT(kist_instruction_script(&out, &df.v[1], &err), rows[i].own);
        CHECK_STR(kist_buf_text(&out), rows[i].script);
    }
}

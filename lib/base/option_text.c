/* SPDX-License-Identifier: MIT */

/* A small lexer of libconfuse's text: only what strings, comments and ${} need. */
#include "lib/base/option_text.h"

#include "lib/base/err.h"

struct cleaner {
    struct span text;
    size_t at;
    int line;
    char *out;
    struct option_text_fault *fault;
    int depth, opened; /* of braces; the line of the outermost one */
};

static int refuse(struct cleaner *c, int line, const char *what)
{
    *c->fault = (struct option_text_fault){.line = line, .what = what};
    return ERR_SYNTAX;
}

static char peek(const struct cleaner *c, size_t ahead)
{
    return c->at + ahead < c->text.n ? c->text.p[c->at + ahead] : '\0';
}

/* Takes one byte over as it is, or as a space; newlines always stay. */
static void pass(struct cleaner *c, bool is_blanked)
{
    char byte = c->text.p[c->at];
    if (byte == '\n')
        c->line++;
    c->out[c->at++] = is_blanked && byte != '\n' ? ' ' : byte;
}

static void pass_many(struct cleaner *c, size_t n, bool is_blanked)
{
    while (n-- > 0)
        pass(c, is_blanked);
}

static void blank_line_comment(struct cleaner *c)
{
    while (c->at < c->text.n && peek(c, 0) != '\n')
        pass(c, true);
}

static int blank_block_comment(struct cleaner *c)
{
    int opened = c->line;
    pass_many(c, 2, true);
    while (c->at < c->text.n) {
        if (peek(c, 0) == '*' && peek(c, 1) == '/') {
            pass_many(c, 2, true);
            return 0;
        }
        pass(c, true);
    }
    return refuse(c, opened, "the comment that begins here is not closed");
}

/* ${NAME} or ${NAME:-default}: may hold quotes, so it is taken in one piece. */
static int pass_variable(struct cleaner *c)
{
    for (size_t n = 2; c->at + n < c->text.n && peek(c, n) != '\n'; n++) {
        if (peek(c, n) == '}') {
            pass_many(c, n + 1, false);
            return 0;
        }
    }
    return refuse(c, c->line, "\"${\" is not closed on its line");
}

static bool is_hex(char byte)
{
    return byte != '\0' && strchr("0123456789abcdefABCDEF", byte) != NULL;
}

/* Octal \0 to \377 and what else libconfuse takes; not the zero byte, which would end the text. */
static int pass_escape(struct cleaner *c)
{
    size_t digits = 0;
    unsigned value = 0;
    bool is_octal = true;
    while (peek(c, 1 + digits) >= '0' && peek(c, 1 + digits) <= '9' && digits < 4) {
        char digit = peek(c, 1 + digits++);
        is_octal = is_octal && digit < '8';
        value = value * 8 + (unsigned)(digit - '0');
    }
    if (digits > 0 && (!is_octal || digits > 3 || value > 0xff || value == 0))
        return refuse(c, c->line, "bad escape in a string (octal goes from \\001 to \\377)");
    if (peek(c, 1) == 'x' && peek(c, 2) == '0' && (peek(c, 3) == '0' || !is_hex(peek(c, 3))))
        return refuse(c, c->line, "bad escape in a string (\\x00)");
    pass(c, false);
    if (c->at < c->text.n)
        pass(c, false);
    return 0;
}

static int pass_string(struct cleaner *c, char quote)
{
    int opened = c->line, err = 0;
    pass(c, false);
    while (err == 0 && c->at < c->text.n) {
        char byte = peek(c, 0);
        if (byte == quote) {
            pass(c, false);
            return 0;
        }
        if (byte == '\0')
            return refuse(c, c->line, "a zero byte");
        if (byte == '\\' && quote == '"')
            err = pass_escape(c);
        else if (byte == '\\')
            pass_many(c, c->at + 1 < c->text.n ? 2 : 1, false);
        else if (byte == '$' && quote == '"' && peek(c, 1) == '{')
            err = pass_variable(c);
        else
            pass(c, false);
    }
    return err != 0 ? err : refuse(c, opened, "the string that begins here is not closed");
}

/* Of sections and lists. One too many to the right is a fault to libconfuse, one too few is not: a
 * file that was cut off would be taken as far as it goes. */
static void count_brace(struct cleaner *c, char byte)
{
    if (byte == '{' && c->depth++ == 0)
        c->opened = c->line;
    if (byte == '}' && c->depth > 0)
        c->depth--;
}

static bool is_word(char byte)
{
    return byte != '\0' && strchr(" \t\r\n\"'#={}()+,", byte) == NULL;
}

/* What libconfuse would drop in silence. */
static const char *fault_of(char byte, char next)
{
    if (byte == '*' || (byte == '+' && next != '='))
        return "\"*\" or \"+\" outside quotes: put the value in quotes";
    bool is_control = byte >= 0 && byte < ' ';
    return is_control && byte != '\t' && byte != '\r' && byte != '\n' ? "a control byte" : NULL;
}

/* Outside strings; was_word: the byte before belongs to an unquoted word, where // is no comment
 * (http://...). */
static int pass_plain(struct cleaner *c, bool was_word)
{
    char byte = peek(c, 0), next = peek(c, 1);
    bool is_slash = byte == '/' && !was_word;
    if (byte == '#' || (is_slash && next == '/')) {
        blank_line_comment(c);
        return 0;
    }
    if (is_slash && next == '*')
        return blank_block_comment(c);
    if (byte == '"' || byte == '\'')
        return pass_string(c, byte);
    if (byte == '$' && next == '{')
        return pass_variable(c);
    const char *fault = fault_of(byte, next);
    if (fault != NULL)
        return refuse(c, c->line, fault);
    count_brace(c, byte);
    pass(c, byte == '\r');
    return 0;
}

int option_text_clean(struct span text, char *out, struct option_text_fault *fault)
{
    struct cleaner c = {.text = text, .line = 1, .out = out, .fault = fault};
    bool was_word = false;
    int err = 0;
    while (err == 0 && c.at < text.n) {
        char byte = peek(&c, 0);
        err = pass_plain(&c, was_word);
        was_word = is_word(byte);
    }
    if (err == 0 && c.depth > 0)
        err = refuse(&c, c.opened, "the \"{\" on this line is not closed");
    return err;
}

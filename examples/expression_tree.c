/* SPDX-License-Identifier: MIT */
/* Hash consing: an expression tree whose equal parts are one object, beside a plain one.
 *
 *     expression_tree [ROUNDS]
 *
 * Takes the derivative of an expression again and again. Derivatives are full of equal parts: a
 * plain tree has a node for each, the one of handles has each once, compares two expressions of
 * any size with ==, and remembers the derivative of each it has seen. */
#include <hapax.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum operation { NUMBER, VARIABLE, PLUS, TIMES };

static double seconds_since(struct timespec start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
}

/* ---- Of handles ---- */

HAPAX_DECLARE_HANDLE(expression);

struct expression {
    enum operation operation;
    long number;
    expression_handle left, right;
};

/* Values hold handles, and keep what these stand for alive. */
HAPAX_DEFINE_HANDLE_HOLDING(expression, struct expression, operation, number, left, right);

static expression_handle make(enum operation operation, long number, expression_handle left, expression_handle right)
{
    struct expression value = {operation, number, left, right};
    expression_handle handle = expression_make(&value);
    if (handle == NULL) {
        perror("expression_tree");
        exit(1);
    }
    return handle;
}

static expression_handle number(long value)
{
    return make(NUMBER, value, NULL, NULL);
}

/* The derivative of each expression, as long as that expression lives. */
static hapax_weak_map *derivatives;

static expression_handle derive(expression_handle handle)
{
    const struct expression *e = expression_value(handle);
    expression_handle known = (expression_handle)hapax_weak_map_get(derivatives, handle), result;
    if (known != NULL)
        return known;
    switch (e->operation) {
    case NUMBER:
        return number(0);
    case VARIABLE:
        return number(1);
    case PLUS:
        result = make(PLUS, 0, derive(e->left), derive(e->right));
        break;
    default:
        result = make(PLUS, 0, make(TIMES, 0, derive(e->left), e->right), make(TIMES, 0, e->left, derive(e->right)));
        break;
    }
    hapax_weak_map_set(derivatives, handle, (void *)(uintptr_t)result);
    return result;
}

/* (x + 1) * (x + 2) * ... */
static expression_handle product(long factors)
{
    expression_handle x = make(VARIABLE, 0, NULL, NULL), result = number(1);
    for (long i = 1; i <= factors; i++)
        result = make(TIMES, 0, result, make(PLUS, 0, x, number(i)));
    return result;
}

/* ---- Plain ---- */

struct node {
    enum operation operation;
    long number;
    struct node *left, *right;
};

static uint64_t nodes;

static struct node *plain_make(enum operation operation, long value, struct node *left, struct node *right)
{
    struct node *node = malloc(sizeof *node);
    if (node == NULL) {
        perror("expression_tree");
        exit(1);
    }
    *node = (struct node){operation, value, left, right};
    nodes++;
    return node;
}

static struct node *plain_copy(const struct node *node)
{
    return node == NULL ? NULL
                        : plain_make(node->operation, node->number, plain_copy(node->left), plain_copy(node->right));
}

/* A tree: every part belongs to one whole, so parts are copied. */
static struct node *plain_derive(const struct node *node)
{
    switch (node->operation) {
    case NUMBER:
        return plain_make(NUMBER, 0, NULL, NULL);
    case VARIABLE:
        return plain_make(NUMBER, 1, NULL, NULL);
    case PLUS:
        return plain_make(PLUS, 0, plain_derive(node->left), plain_derive(node->right));
    default:
        return plain_make(PLUS, 0, plain_make(TIMES, 0, plain_derive(node->left), plain_copy(node->right)),
                          plain_make(TIMES, 0, plain_copy(node->left), plain_derive(node->right)));
    }
}

static void plain_free(struct node *node)
{
    if (node != NULL) {
        plain_free(node->left);
        plain_free(node->right);
        free(node);
    }
}

static struct node *plain_product(long factors)
{
    struct node *result = plain_make(NUMBER, 1, NULL, NULL);
    for (long i = 1; i <= factors; i++)
        result =
            plain_make(TIMES, 0, result,
                       plain_make(PLUS, 0, plain_make(VARIABLE, 0, NULL, NULL), plain_make(NUMBER, i, NULL, NULL)));
    return result;
}

/* ---- Side by side ---- */

static bool are_equal(expression_handle handle, const struct node *node)
{
    const struct expression *e = expression_value(handle);
    if (e == NULL || node == NULL)
        return e == NULL && node == NULL;
    return e->operation == node->operation && e->number == node->number && are_equal(e->left, node->left) &&
           are_equal(e->right, node->right);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 4;
    enum { FACTORS = 12 };
    struct timespec start;
    struct hapax_table_stats stats;

    derivatives = hapax_weak_map_new();
    if (derivatives == NULL) {
        perror("expression_tree");
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    expression_handle shared = product(FACTORS);
    for (int i = 0; i < rounds; i++)
        shared = derive(shared);
    double shared_seconds = seconds_since(start);
    hapax_collect();
    hapax_table_stats(expression_table(), &stats);

    clock_gettime(CLOCK_MONOTONIC, &start);
    struct node *plain = plain_product(FACTORS);
    for (int i = 0; i < rounds; i++) {
        struct node *before = plain;
        plain = plain_derive(plain);
        plain_free(before);
        if (i + 1 < rounds)
            nodes = 0;
    }
    double plain_seconds = seconds_since(start);

    printf("derivative %d of a product of %d factors\n", rounds, FACTORS);
    printf("  plain tree   %10" PRIu64 " nodes %12" PRIu64 " bytes %9.3f s\n", nodes, nodes * (uint64_t)sizeof *plain,
           plain_seconds);
    printf("  of handles   %10" PRIu64 " nodes %12" PRIu64 " bytes %9.3f s   (table: %" PRIu64 " bytes)\n", stats.live,
           stats.value_bytes, shared_seconds, stats.overhead_bytes);

    bool equal = are_equal(shared, plain), fewer = rounds < 2 || stats.live < nodes;
    expression_handle again = product(FACTORS);
    for (int i = 0; i < rounds; i++)
        again = derive(again);
    printf("  the same expression: %s; built anew, it is the same handle: %s\n", equal ? "yes" : "no",
           again == shared ? "yes" : "no");
    plain_free(plain);
    return !equal || !fewer || again != shared;
}

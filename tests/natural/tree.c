/* SPDX-License-Identifier: MIT */
/* A binary tree of malloc's, ordered by number, with a handle in each node. */
#include <hapax.h>

#include "natural.h"

struct node {
    unsigned number;
    hapax_handle name;
    struct node *left, *right;
};

static void insert(struct node **at, unsigned number)
{
    char text[32];
    while (*at != NULL)
        at = number < (*at)->number ? &(*at)->left : &(*at)->right;
    *at = calloc(1, sizeof **at);
    (*at)->number = number;
    (*at)->name = hapax_intern(text_of(text, number));
}

static void look(const struct node *node)
{
    char text[32];
    if (node == NULL)
        return;
    look(node->left);
    CHECK(hapax_intern(text_of(text, node->number)) == node->name, "the name of %u is another one", node->number);
    look(node->right);
}

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv), number = 1;
    struct node *root = NULL;
    for (unsigned i = 0; i < values; i++) {
        number = number * 1664525u + 1013904223u;
        insert(&root, number);
    }
    look(root);
    return 0;
}

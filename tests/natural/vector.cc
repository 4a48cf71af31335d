/* SPDX-License-Identifier: MIT */
// A vector and a deque of handles.
#include <hapax.h>

#include <deque>
#include <vector>

#include "natural.h"

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    std::vector<hapax_handle> names;
    std::deque<hapax_handle> more;
    char text[32];
    for (unsigned i = 0; i < values; i++) {
        hapax_handle name = hapax_intern(text_of(text, i));
        if (i % 2 == 0)
            names.push_back(name);
        else
            more.push_back(name);
    }
    for (unsigned i = 0; i < values; i++) {
        hapax_handle name = i % 2 == 0 ? names[i / 2] : more[i / 2];
        CHECK(hapax_intern(text_of(text, i)) == name, "the name of %u is another one", i);
    }
    return 0;
}

/* SPDX-License-Identifier: MIT */
// Maps from handles to numbers, and from texts to handles.
#include <hapax.h>

#include <map>
#include <string>
#include <unordered_map>

#include "natural.h"

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    std::unordered_map<hapax_handle, unsigned> numbers;
    std::map<std::string, hapax_handle> names;
    char text[32];
    for (unsigned i = 0; i < values; i++) {
        hapax_handle name = hapax_intern(text_of(text, i));
        if (i % 2 == 0)
            numbers[name] = i;
        else
            names[text] = name;
    }
    for (unsigned i = 0; i < values; i++) {
        hapax_handle name = hapax_intern(text_of(text, i));
        if (i % 2 == 0)
            CHECK(numbers.count(name) == 1 && numbers[name] == i, "%u is not in the map", i);
        else
            CHECK(names[text] == name, "the name of %u is another one", i);
    }
    return 0;
}

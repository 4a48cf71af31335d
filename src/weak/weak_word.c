/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "weak/weak_word.h"

void *weak_word_value_slowly(atomic_word *word, const void *const *base)
{
    for (;;) {
        uint64_t decided = epoch_decided();
        uintptr_t seen = load_acquire(word);    /* acquire: as in weak_word_value */
        if (seen == 0)
            return NULL;                        /* for ever */
        if ((seen & WEAK_WORD_TENTATIVE) == 0) {
            void *value = (void *)seen;
            if (epoch_holds(decided, &value))
                return value;
            enum epoch_answer answer = epoch_look(word, seen, *base, weak_word_base_lives);
            keep_reachable(value);
            if (answer == EPOCH_LIVES)
                return value;
            if (answer == EPOCH_AGAIN)
                continue;
        }
        collector_wait();
    }
}

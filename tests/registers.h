/* SPDX-License-Identifier: MIT */
/* Leaves a word in all registers that a call may overwrite. */
#ifndef TESTS_REGISTERS_H
#define TESTS_REGISTERS_H

#include <stdint.h>

static inline void leave_in_registers(uintptr_t word)
{
#if defined __x86_64__
    __asm__ volatile(
        "movq %0, %%rcx\n\tmovq %0, %%rdx\n\tmovq %0, %%rsi\n\tmovq %0, %%rdi\n\tmovq %0, %%r8\n\t"
        "movq %0, %%r9\n\tmovq %0, %%r10\n\tmovq %0, %%r11\n\tmovq %0, %%xmm0\n\tpunpcklqdq %%xmm0, %%xmm0\n\t"
        "movdqa %%xmm0, %%xmm1\n\tmovdqa %%xmm0, %%xmm2\n\tmovdqa %%xmm0, %%xmm3\n\t"
        "movdqa %%xmm0, %%xmm4\n\tmovdqa %%xmm0, %%xmm5\n\tmovdqa %%xmm0, %%xmm6\n\t"
        "movdqa %%xmm0, %%xmm7\n\tmovdqa %%xmm0, %%xmm8\n\tmovdqa %%xmm0, %%xmm9\n\t"
        "movdqa %%xmm0, %%xmm10\n\tmovdqa %%xmm0, %%xmm11\n\tmovdqa %%xmm0, %%xmm12\n\t"
        "movdqa %%xmm0, %%xmm13\n\tmovdqa %%xmm0, %%xmm14\n\tmovdqa %%xmm0, %%xmm15"
        :
        : "a"(word)
        : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
          "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#elif defined __aarch64__
    __asm__ volatile(
        "mov x1, %0\n\tmov x2, %0\n\tmov x3, %0\n\tmov x4, %0\n\tmov x5, %0\n\tmov x6, %0\n\tmov x7, %0\n\t"
        "mov x9, %0\n\tmov x10, %0\n\tmov x11, %0\n\tmov x12, %0\n\tmov x13, %0\n\tmov x14, %0\n\t"
        "mov x15, %0\n\tmov x16, %0\n\tmov x17, %0\n\tdup v0.2d, %0\n\tdup v1.2d, %0\n\tdup v2.2d, %0\n\t"
        "dup v16.2d, %0\n\tdup v17.2d, %0\n\tdup v18.2d, %0\n\tdup v19.2d, %0"
        :
        : "r"(word)
        : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "v0",
          "v1", "v2", "v16", "v17", "v18", "v19");
#else
    (void)word;
#endif
}

#endif

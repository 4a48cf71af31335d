/* SPDX-License-Identifier: MIT */
/*
 * hapax/typed.h - a handle type of its own for a C type.
 *
 *     struct point { int x, y; };
 *     HAPAX_DEFINE_HANDLE(point, struct point, x, y);
 *
 * defines
 *
 *     point_handle                                  a pointer type like no other: one word, ==
 *     hapax_table *point_table(void)                the program's table of points
 *     point_handle point_make(const struct point *) as hapax_make_handle
 *     point_handle point_find(const struct point *) as hapax_find_handle
 *     const struct point *point_value(point_handle) as hapax_handle_value
 *
 * Mixing handles of two kinds does not compile. A handle converts to hapax_handle with a cast;
 * pins, weak pointers and cleanups take it as it is. The macros stand outside of functions, in a
 * header or a source file; all parts of a program that define a name share one table, so that a
 * name stands for one type in the whole program, as that of an external function does.
 *
 * Padding never counts, whatever bytes it holds.
 *
 * Source of the semantics: Go's unique.Make[T] and unique.Handle[T].
 */
#ifndef HAPAX_TYPED_H
#define HAPAX_TYPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <hapax/export.h>
#include <hapax/handle.h>

HAPAX_BEGIN_DECLS

/*
 * The table that *slot stands for: made with hapax_table_new(type, 0) at the first call, and alive
 * for ever from then on. What the macros below use; good for any static table.
 *
 *   slot   a static variable, NULL before the first call
 *   type   as for hapax_table_new; the same at each call
 *
 * Returns: the table, or NULL with errno; a call after a failure tries anew.
 * Errors: EINVAL if slot is NULL, and those of hapax_table_new.
 * Threads: safe beside every other call, for the same slot too.
 * Keeps alive: the table. Does not keep alive: its values.
 * Source: the map of type to table behind unique.Make of Go.
 */
HAPAX_API hapax_table *hapax_table_once(hapax_table **slot, const struct hapax_type *type);

HAPAX_END_DECLS

/*
 * HAPAX_DEFINE_HANDLE(name, type): values of a type of fixed size. Its bytes are compared, without
 * padding: 0.0 and -0.0 differ. Needs a compiler that can clear padding (gcc 11 or later), or a
 * type that provably has none (scalars; in C++ what has unique object representations); elsewhere
 * it does not compile, and the fields have to be named.
 *
 * HAPAX_DEFINE_HANDLE(name, type, field, ...): the value consists of the named fields, at most 16,
 * byte by byte; the others, and padding, are 0 in the canonical copy. For every compiler. Fields
 * may be arrays and members of members (a.b), without padding of their own; no bit-fields.
 *
 * A type or a named field that is a pointer, or an array of pointers, does not compile here: what it
 * points to would not be kept alive. HAPAX_DEFINE_HANDLE_HOLDING is for those.
 */
#define HAPAX_DEFINE_HANDLE(...) HAPAX_TYPED_DEFINE_(0u, __VA_ARGS__)

/*
 * As HAPAX_DEFINE_HANDLE, with or without fields, for values that hold handles or other pointers to
 * collected memory: a value keeps alive what they point to.
 */
#define HAPAX_DEFINE_HANDLE_HOLDING(...) HAPAX_TYPED_DEFINE_(HAPAX_TYPE_HAS_POINTERS, __VA_ARGS__)

/*
 * HAPAX_DEFINE_HANDLE_WITH(name, type, hash, equal) or (name, type, hash, equal, flags): as the
 * type's own functions say, which are those of struct hapax_type; flags too.
 */
#define HAPAX_DEFINE_HANDLE_WITH(...) HAPAX_TYPED_WITH_(__VA_ARGS__, 0u, 0)

/*
 * name_handle alone, before the type that holds it is complete:
 *
 *     HAPAX_DECLARE_HANDLE(tree);
 *     struct tree { tree_handle left, right; };
 *     HAPAX_DEFINE_HANDLE_HOLDING(tree, struct tree, left, right);
 */
#define HAPAX_DECLARE_HANDLE(name) typedef const struct name##_canonical *name##_handle

/* ---- How it is done ---- */

#ifdef __cplusplus
#define HAPAX_TYPED_ASSERT_(condition, text) static_assert(condition, text)
#define HAPAX_TYPED_ALIGNOF_(type) alignof(type)
#define HAPAX_TYPED_CAST_(type, pointer) reinterpret_cast<type>(pointer)
#define HAPAX_TYPED_CHECK_(type)                                                                  \
    static_assert(__is_trivially_copyable(type), "values of " #type " cannot be copied as bytes");
#else
#define HAPAX_TYPED_ASSERT_(condition, text) _Static_assert(condition, text)
#define HAPAX_TYPED_ALIGNOF_(type) _Alignof(type)
#define HAPAX_TYPED_CAST_(type, pointer) ((type)(pointer))
#define HAPAX_TYPED_CHECK_(type)
#endif

/* HAPAX_TYPED_IS_POINTER_(value): whether it is a pointer, or an array (of arrays) of pointers. */
#if defined(__cplusplus)
extern "C++" {
template <typename T> struct hapax_typed_is_pointer_ {
    enum { value = 0 };
};
template <typename T> struct hapax_typed_is_pointer_<T *> {
    enum { value = 1 };
};
template <typename T> struct hapax_typed_is_pointer_<T *const> {
    enum { value = 1 };
};
template <typename T> struct hapax_typed_is_pointer_<T *volatile> {
    enum { value = 1 };
};
template <typename T> struct hapax_typed_is_pointer_<T *const volatile> {
    enum { value = 1 };
};
template <typename T, size_t n> struct hapax_typed_is_pointer_<T[n]> {
    enum { value = hapax_typed_is_pointer_<T>::value };
};
}
#define HAPAX_TYPED_IS_POINTER_(expression) hapax_typed_is_pointer_<decltype(expression)>::value
#define HAPAX_TYPED_IS_POINTER_TYPE_(type) hapax_typed_is_pointer_<type>::value
#elif defined(__GNUC__)
/* An array has class 5 as well, since it decays; but it is not of the type that it decays to. */
#define HAPAX_TYPED_POINTS_(e) (__builtin_classify_type(e) == 5)
#define HAPAX_TYPED_ADDRESS_(e) __builtin_choose_expr(HAPAX_TYPED_POINTS_(e), e, 0)
#define HAPAX_TYPED_DECAYS_(e)                                                                    \
    (HAPAX_TYPED_POINTS_(e) &&                                                                    \
     !__builtin_types_compatible_p(__typeof__(HAPAX_TYPED_ADDRESS_(e)),                           \
                                   __typeof__(1 ? HAPAX_TYPED_ADDRESS_(e)                         \
                                                : HAPAX_TYPED_ADDRESS_(e))))
/* Its first element; of what is no array, something that is no pointer. */
#define HAPAX_TYPED_FIRST_(e) (*__builtin_choose_expr(HAPAX_TYPED_DECAYS_(e), e, (char *)0))
#define HAPAX_TYPED_IS_ONE_(e) (HAPAX_TYPED_POINTS_(e) && !HAPAX_TYPED_DECAYS_(e))
#define HAPAX_TYPED_IS_POINTER_(e)                                                                \
    (HAPAX_TYPED_IS_ONE_(e) || HAPAX_TYPED_IS_ONE_(HAPAX_TYPED_FIRST_(e)) ||                      \
     HAPAX_TYPED_IS_ONE_(HAPAX_TYPED_FIRST_(HAPAX_TYPED_FIRST_(e))))
#define HAPAX_TYPED_IS_POINTER_TYPE_(type) HAPAX_TYPED_IS_POINTER_(*(const type *)0)
#else
#define HAPAX_TYPED_IS_POINTER_(expression) 0
#define HAPAX_TYPED_IS_POINTER_TYPE_(type) 0
#endif

/* So that a semicolon may follow, where ISO C allows none, and need not. */
#if defined(__GNUC__)
#define HAPAX_TYPED_END_ __extension__
#else
#define HAPAX_TYPED_END_
#endif

/* One variable, in however many source files it is defined. */
#if defined(__GNUC__)
#define HAPAX_TYPED_ONCE_ __attribute__((weak, visibility("default")))
#else
#define HAPAX_TYPED_ONCE_ static
#endif

/* HAPAX_TYPED_CLEAR_(type, to, from): the bytes of a value, with padding cleared. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define HAPAX_TYPED_HAS_CLEAR_ 1
#endif
#endif
#if defined(HAPAX_TYPED_HAS_CLEAR_)
#define HAPAX_TYPED_CLEAR_(type, to, from)                                                        \
    type copy = *(from);                                                                          \
    __builtin_clear_padding(&copy);                                                               \
    memcpy(to, &copy, sizeof copy);
#else
#if defined(__cplusplus)
#define HAPAX_TYPED_NO_PADDING_(type) __has_unique_object_representations(type)
#elif defined(__GNUC__)
/* Types of class 1 to 8 are the scalars, those of 8 floating ones; a wide one may have padding. */
#define HAPAX_TYPED_NO_PADDING_(type)                                                             \
    (__builtin_classify_type(*(const type *)0) < 8 ||                                             \
     (__builtin_classify_type(*(const type *)0) == 8 && sizeof(type) <= sizeof(double)))
#else
#define HAPAX_TYPED_NO_PADDING_(type) 0
#endif
#define HAPAX_TYPED_CLEAR_(type, to, from)                                                        \
    HAPAX_TYPED_ASSERT_(HAPAX_TYPED_NO_PADDING_(type),                                            \
                        "this compiler cannot clear padding: name the fields of " #type);         \
    memcpy(to, from, sizeof *(from));
#endif

#define HAPAX_TYPED_TABLE_(name, type, hash, equal, flags)                                        \
    HAPAX_DECLARE_HANDLE(name);                                                                   \
    HAPAX_TYPED_CHECK_(type)                                                                      \
    HAPAX_TYPED_ASSERT_(HAPAX_TYPED_ALIGNOF_(type) <= HAPAX_TYPED_ALIGNOF_(max_align_t),          \
                        "values of " #type " are aligned beyond max_align_t");                    \
    HAPAX_TYPED_ONCE_ hapax_table *name##_hapax_table = NULL;                                     \
    HAPAX_MAYBE_UNUSED static inline hapax_table *name##_table(void)                              \
    {                                                                                             \
        const struct hapax_type the_type = {#name, sizeof(type), hash, equal, NULL, flags};       \
        return hapax_table_once(&name##_hapax_table, &the_type);                                  \
    }                                                                                             \
    HAPAX_MAYBE_UNUSED static inline const type *name##_value(name##_handle handle)               \
    {                                                                                             \
        hapax_handle untyped = HAPAX_TYPED_CAST_(hapax_handle, handle);                           \
        return HAPAX_TYPED_CAST_(const type *, hapax_handle_value(untyped));                      \
    }

/* name_make or name_find; the variable arguments are statements before the lookup. */
#define HAPAX_TYPED_LOOKUP_(name, type, verb, function, value_bytes, ...)                         \
    HAPAX_MAYBE_UNUSED static inline name##_handle name##_##verb(const type *value)               \
    {                                                                                             \
        hapax_table *table = name##_table();                                                      \
        if (table == NULL)                                                                        \
            return NULL;                                                                          \
        if (value == NULL) /* to be refused */                                                    \
            return HAPAX_TYPED_CAST_(name##_handle, function(table, NULL, sizeof(type)));         \
        __VA_ARGS__                                                                               \
        return HAPAX_TYPED_CAST_(name##_handle, function(table, value_bytes, sizeof(type)));      \
    }

/* The bytes of a value are written by the statements; padding and what is not named stay 0. */
#define HAPAX_TYPED_BYTES_(flags, statements, name, type, ...)                                    \
    HAPAX_TYPED_TABLE_(name, type, NULL, NULL, flags)                                             \
    HAPAX_TYPED_ASSERT_((flags) != 0 || !HAPAX_TYPED_IS_POINTER_TYPE_(type),                      \
                        #type " is a pointer: use HAPAX_DEFINE_HANDLE_HOLDING");                  \
    HAPAX_TYPED_LOOKUP_(name, type, make, hapax_make_handle, bytes,                               \
                        enum {holds_pointers = (flags) != 0};                                     \
                        unsigned char bytes[sizeof(type)] = {0};                                  \
                        statements)                                                               \
    HAPAX_TYPED_LOOKUP_(name, type, find, hapax_find_handle, bytes,                               \
                        enum {holds_pointers = (flags) != 0};                                     \
                        unsigned char bytes[sizeof(type)] = {0};                                  \
                        statements)                                                               \
    HAPAX_TYPED_END_

#define HAPAX_TYPED_WITH_(name, type, hash, equal, flags, ...)                                    \
    HAPAX_TYPED_TABLE_(name, type, hash, equal, flags)                                            \
    HAPAX_TYPED_LOOKUP_(name, type, make, hapax_make_handle, value, )                             \
    HAPAX_TYPED_LOOKUP_(name, type, find, hapax_find_handle, value, )                             \
    HAPAX_TYPED_END_

/* One field. Bytes only: a store to a field may change the padding behind it. */
#define HAPAX_TYPED_FIELD_(field)                                                                 \
    HAPAX_TYPED_ASSERT_(holds_pointers || !HAPAX_TYPED_IS_POINTER_(value->field),                 \
                        #field " is a pointer: use HAPAX_DEFINE_HANDLE_HOLDING");                 \
    memcpy(bytes + (HAPAX_TYPED_CAST_(const char *, &value->field) -                              \
                    HAPAX_TYPED_CAST_(const char *, value)),                                      \
           &value->field, sizeof value->field);

/* What writes the bytes, by the number of fields behind name and type. */
#define HAPAX_TYPED_DEFINE_(flags, ...)                                                           \
    HAPAX_TYPED_BYTES_(flags,                                                                     \
                       HAPAX_TYPED_JOIN_(HAPAX_TYPED_EACH_, HAPAX_TYPED_COUNT_(__VA_ARGS__))(     \
                           __VA_ARGS__),                                                          \
                       __VA_ARGS__, 0)
#define HAPAX_TYPED_JOIN_(a, b) HAPAX_TYPED_JOIN2_(a, b)
#define HAPAX_TYPED_JOIN2_(a, b) a##b
#define HAPAX_TYPED_COUNT_(...)                                                                   \
    HAPAX_TYPED_PICK_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, )
#define HAPAX_TYPED_PICK_(name, type, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, count, ...) \
    count

#define HAPAX_TYPED_EACH_0(name, type) HAPAX_TYPED_CLEAR_(type, bytes, value)
#define HAPAX_TYPED_EACH_1(name, type, field) HAPAX_TYPED_FIELD_(field)
#define HAPAX_TYPED_EACH_2(name, type, field, ...)                                                \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_1(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_3(name, type, field, ...)                                                \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_2(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_4(name, type, field, ...)                                                \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_3(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_5(name, type, field, ...)                                                \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_4(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_6(name, type, field, ...)                                                \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_5(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_7(name, type, field, ...)                                                \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_6(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_8(name, type, field, ...)                                                \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_7(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_9(name, type, field, ...)                                                \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_8(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_10(name, type, field, ...)                                               \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_9(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_11(name, type, field, ...)                                               \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_10(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_12(name, type, field, ...)                                               \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_11(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_13(name, type, field, ...)                                               \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_12(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_14(name, type, field, ...)                                               \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_13(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_15(name, type, field, ...)                                               \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_14(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_16(name, type, field, ...)                                               \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_15(name, type, __VA_ARGS__)

#endif

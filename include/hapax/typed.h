/* SPDX-License-Identifier: MIT */
/*
 * hapax/typed.h - macros that define a handle type for a C type.
 *
 *     struct point { int x, y; };
 *     HAPAX_DEFINE_HANDLE(point, struct point, x, y);
 *
 * defines
 *
 *     point_handle                                   a pointer type of its own
 *     hapax_table *point_table(void)                 the table of all points
 *     point_handle point_make(const struct point *)  as hapax_make_handle
 *     point_handle point_find(const struct point *)  as hapax_find_handle
 *     const struct point *point_value(point_handle)  as hapax_handle_value
 *
 * A typed handle is one word, and == compares values. A program that mixes
 * handles of two types does not compile. A cast converts a typed handle to
 * hapax_handle; pins, weak pointers and cleanups take it without a cast.
 *
 * Use the macros outside of functions, in a header or a source file. All parts
 * of a program that define the same name share one table. So, like the name of
 * an external function, a name must mean the same type in the whole program.
 *
 * The bytes of padding never count.
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
 * Returns the table in *slot. The first call makes it with
 * hapax_table_new(type, 0); from then on it lives for ever. The macros below
 * use this function; you can use it for any static table.
 *
 *   slot   a static variable, NULL before the first call
 *   type   as for hapax_table_new; the same at each call
 *
 * Returns: the table, or NULL with errno. After a failure the next call tries
 * again.
 * Errors: EINVAL if slot is NULL, and those of hapax_table_new.
 * Threads: any thread may call it at any time, even while others use the same
 * slot.
 * Keeps alive: the table.
 * Does not keep alive: its values.
 * Source: the map of type to table behind unique.Make of Go.
 */
HAPAX_API hapax_table *hapax_table_once(hapax_table **slot,
                                        const struct hapax_type *type);

HAPAX_END_DECLS

/*
 * HAPAX_DEFINE_HANDLE(name, type): for a type of fixed size. Two values are
 * equal if their bytes are equal, without padding: 0.0 and -0.0 differ. The
 * macro needs a compiler that can clear padding (gcc 11 or later), or a type
 * that provably has no padding (scalars; in C++ a type with unique object
 * representations). Otherwise it does not compile: then name the fields.
 *
 * HAPAX_DEFINE_HANDLE(name, type, field, ...): for every compiler. Two values
 * are equal if the bytes of the named fields, at most 16, are equal. All other
 * bytes are 0 in the canonical copy. A field may be an array or a member of a
 * member (a.b), without padding of its own, but not a bit-field.
 *
 * If the type or a named field is a pointer, or an array of pointers, the macro
 * does not compile, because the values would not keep the objects that they
 * point to alive. Use HAPAX_DEFINE_HANDLE_HOLDING for such types.
 */
#define HAPAX_DEFINE_HANDLE(...) HAPAX_TYPED_DEFINE_(0u, __VA_ARGS__)

/*
 * As HAPAX_DEFINE_HANDLE, with or without fields, for values that hold handles
 * or other pointers to collected memory. A value keeps the objects that it
 * points to alive.
 */
#define HAPAX_DEFINE_HANDLE_HOLDING(...)                                       \
    HAPAX_TYPED_DEFINE_(HAPAX_TYPE_HAS_POINTERS, __VA_ARGS__)

/*
 * HAPAX_DEFINE_HANDLE_WITH(name, type, hash, equal) or
 * HAPAX_DEFINE_HANDLE_WITH(name, type, hash, equal, flags): two values are
 * equal if equal says so. hash, equal and flags are those of struct hapax_type.
 */
#define HAPAX_DEFINE_HANDLE_WITH(...) HAPAX_TYPED_WITH_(__VA_ARGS__, 0u, 0)

/*
 * Declares only name_handle, for a type that contains handles to itself:
 *
 *     HAPAX_DECLARE_HANDLE(tree);
 *     struct tree { tree_handle left, right; };
 *     HAPAX_DEFINE_HANDLE_HOLDING(tree, struct tree, left, right);
 */
#define HAPAX_DECLARE_HANDLE(name)                                             \
    typedef const struct name##_canonical *name##_handle

/* ---- The implementation of the macros ---- */

#ifdef __cplusplus
#define HAPAX_TYPED_ASSERT_(condition, text) static_assert(condition, text)
#define HAPAX_TYPED_ALIGNOF_(type) alignof(type)
#define HAPAX_TYPED_CAST_(type, pointer) reinterpret_cast<type>(pointer)
#define HAPAX_TYPED_CHECK_(type)                                               \
    static_assert(__is_trivially_copyable(type),                               \
                  "values of " #type " cannot be copied as bytes");
#else
#define HAPAX_TYPED_ASSERT_(condition, text) _Static_assert(condition, text)
#define HAPAX_TYPED_ALIGNOF_(type) _Alignof(type)
#define HAPAX_TYPED_CAST_(type, pointer) ((type)(pointer))
#define HAPAX_TYPED_CHECK_(type)
#endif

/* HAPAX_TYPED_IS_POINTER_(value): whether it is a pointer, or an array (of
 * arrays) of pointers. */
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
#define HAPAX_TYPED_IS_POINTER_(expression)                                    \
    hapax_typed_is_pointer_<decltype(expression)>::value
#define HAPAX_TYPED_IS_POINTER_TYPE_(type) hapax_typed_is_pointer_<type>::value
#elif defined(__GNUC__)
/* An array has class 5 too, since it decays to a pointer; but its type is not
 * the type that it decays to. */
#define HAPAX_TYPED_POINTS_(e) (__builtin_classify_type(e) == 5)
#define HAPAX_TYPED_ADDRESS_(e)                                                \
    __builtin_choose_expr(HAPAX_TYPED_POINTS_(e), e, 0)
#define HAPAX_TYPED_DECAYS_(e)                                                 \
    (HAPAX_TYPED_POINTS_(e) &&                                                 \
     !__builtin_types_compatible_p(__typeof__(HAPAX_TYPED_ADDRESS_(e)),        \
                                   __typeof__(1 ? HAPAX_TYPED_ADDRESS_(e)      \
                                                : HAPAX_TYPED_ADDRESS_(e))))
/* The first element of an array; a char if e is not an array. */
#define HAPAX_TYPED_FIRST_(e)                                                  \
    (*__builtin_choose_expr(HAPAX_TYPED_DECAYS_(e), e, (char *)0))
#define HAPAX_TYPED_IS_ONE_(e)                                                 \
    (HAPAX_TYPED_POINTS_(e) && !HAPAX_TYPED_DECAYS_(e))
#define HAPAX_TYPED_IS_POINTER_(e)                                             \
    (HAPAX_TYPED_IS_ONE_(e) ||                                                 \
     HAPAX_TYPED_IS_ONE_(HAPAX_TYPED_FIRST_(e)) ||                             \
     HAPAX_TYPED_IS_ONE_(HAPAX_TYPED_FIRST_(HAPAX_TYPED_FIRST_(e))))
#define HAPAX_TYPED_IS_POINTER_TYPE_(type)                                     \
    HAPAX_TYPED_IS_POINTER_(*(const type *)0)
#else
#define HAPAX_TYPED_IS_POINTER_(expression) 0
#define HAPAX_TYPED_IS_POINTER_TYPE_(type) 0
#endif

/* Allows a semicolon after the macro, which ISO C does not, and does not demand
 * one. */
#if defined(__GNUC__)
#define HAPAX_TYPED_END_ __extension__
#else
#define HAPAX_TYPED_END_
#endif

/* Makes one variable of the definitions in all source files. */
#if defined(__GNUC__)
#define HAPAX_TYPED_ONCE_ __attribute__((weak, visibility("default")))
#else
#define HAPAX_TYPED_ONCE_ static
#endif

/* HAPAX_TYPED_CLEAR_(type, to, from): copies the bytes of a value, and
 * clears its padding. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define HAPAX_TYPED_HAS_CLEAR_ 1
#endif
#endif
#if defined(HAPAX_TYPED_HAS_CLEAR_)
#define HAPAX_TYPED_CLEAR_(type, to, from)                                     \
    type copy = *(from);                                                       \
    __builtin_clear_padding(&copy);                                            \
    memcpy(to, &copy, sizeof copy);
#else
#if defined(__cplusplus)
#define HAPAX_TYPED_NO_PADDING_(type) __has_unique_object_representations(type)
#elif defined(__GNUC__)
/* Types of class 1 to 8 are scalars, those of class 8 floating ones; a wide
 * floating type may have padding. */
#define HAPAX_TYPED_NO_PADDING_(type)                                          \
    (__builtin_classify_type(*(const type *)0) < 8 ||                          \
     (__builtin_classify_type(*(const type *)0) == 8 &&                        \
      sizeof(type) <= sizeof(double)))
#else
#define HAPAX_TYPED_NO_PADDING_(type) 0
#endif
#define HAPAX_TYPED_CLEAR_(type, to, from)                                     \
    HAPAX_TYPED_ASSERT_(HAPAX_TYPED_NO_PADDING_(type),                         \
                        "this compiler cannot clear padding: "                 \
                        "name the fields of " #type);                          \
    memcpy(to, from, sizeof *(from));
#endif

#define HAPAX_TYPED_TABLE_(name, type, hash, equal, flags)                     \
    HAPAX_DECLARE_HANDLE(name);                                                \
    HAPAX_TYPED_CHECK_(type)                                                   \
    HAPAX_TYPED_ASSERT_(HAPAX_TYPED_ALIGNOF_(type) <=                          \
                            HAPAX_TYPED_ALIGNOF_(max_align_t),                 \
                        "values of " #type " are aligned beyond max_align_t"); \
    HAPAX_TYPED_ONCE_ hapax_table *name##_hapax_table = NULL;                  \
    HAPAX_MAYBE_UNUSED static inline hapax_table *name##_table(void)           \
    {                                                                          \
        const struct hapax_type the_type = {#name, sizeof(type), hash,         \
                                            equal, NULL, flags};               \
        return hapax_table_once(&name##_hapax_table, &the_type);               \
    }                                                                          \
    HAPAX_MAYBE_UNUSED static inline const type *name##_value(                 \
        name##_handle handle)                                                  \
    {                                                                          \
        hapax_handle untyped = HAPAX_TYPED_CAST_(hapax_handle, handle);        \
        return HAPAX_TYPED_CAST_(const type *, hapax_handle_value(untyped));   \
    }

/* Defines name_make or name_find; the variable arguments are statements before
 * the lookup. */
#define HAPAX_TYPED_LOOKUP_(name, type, verb, function, value_bytes, ...)      \
    HAPAX_MAYBE_UNUSED static inline name##_handle name##_##verb(              \
        const type *value)                                                     \
    {                                                                          \
        hapax_table *table = name##_table();                                   \
        if (table == NULL)                                                     \
            return NULL;                                                       \
        if (value == NULL) /* to be refused */                                 \
            return HAPAX_TYPED_CAST_(name##_handle,                            \
                                     function(table, NULL, sizeof(type)));     \
        __VA_ARGS__                                                            \
        return HAPAX_TYPED_CAST_(                                              \
            name##_handle, function(table, value_bytes, sizeof(type)));        \
    }

/* The statements write the bytes of a value; padding and fields that are not
 * named stay 0. */
#define HAPAX_TYPED_BYTES_(flags, statements, name, type, ...)                 \
    HAPAX_TYPED_TABLE_(name, type, NULL, NULL, flags)                          \
    HAPAX_TYPED_ASSERT_((flags) != 0 || !HAPAX_TYPED_IS_POINTER_TYPE_(type),   \
                        #type " is a pointer: use "                            \
                        "HAPAX_DEFINE_HANDLE_HOLDING");                        \
    HAPAX_TYPED_LOOKUP_(name, type, make, hapax_make_handle, bytes,            \
                        enum {holds_pointers = (flags) != 0};                  \
                        unsigned char bytes[sizeof(type)] = {0};               \
                        statements)                                            \
    HAPAX_TYPED_LOOKUP_(name, type, find, hapax_find_handle, bytes,            \
                        enum {holds_pointers = (flags) != 0};                  \
                        unsigned char bytes[sizeof(type)] = {0};               \
                        statements)                                            \
    HAPAX_TYPED_END_

#define HAPAX_TYPED_WITH_(name, type, hash, equal, flags, ...)                 \
    HAPAX_TYPED_TABLE_(name, type, hash, equal, flags)                         \
    HAPAX_TYPED_LOOKUP_(name, type, make, hapax_make_handle, value, )          \
    HAPAX_TYPED_LOOKUP_(name, type, find, hapax_find_handle, value, )          \
    HAPAX_TYPED_END_

/* Copies one field, as bytes: a store to a field may change the padding behind
 * it. */
#define HAPAX_TYPED_FIELD_(field)                                              \
    HAPAX_TYPED_ASSERT_(holds_pointers ||                                      \
                            !HAPAX_TYPED_IS_POINTER_(value->field),            \
                        #field " is a pointer: use "                           \
                        "HAPAX_DEFINE_HANDLE_HOLDING");                        \
    memcpy(bytes + (HAPAX_TYPED_CAST_(const char *, &value->field) -           \
                    HAPAX_TYPED_CAST_(const char *, value)),                   \
           &value->field, sizeof value->field);

/* Chooses the statements that write the bytes, by the number of fields after
 * name and type. */
#define HAPAX_TYPED_DEFINE_(flags, ...)                                        \
    HAPAX_TYPED_BYTES_(flags,                                                  \
                       HAPAX_TYPED_JOIN_(HAPAX_TYPED_EACH_,                    \
                                         HAPAX_TYPED_COUNT_(__VA_ARGS__))(     \
                           __VA_ARGS__),                                       \
                       __VA_ARGS__, 0)
#define HAPAX_TYPED_JOIN_(a, b) HAPAX_TYPED_JOIN2_(a, b)
#define HAPAX_TYPED_JOIN2_(a, b) a##b
#define HAPAX_TYPED_COUNT_(...)                                                \
    HAPAX_TYPED_PICK_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5,  \
                      4, 3, 2, 1, 0, )
#define HAPAX_TYPED_PICK_(name, type, a, b, c, d, e, f, g, h, i, j, k, l, m,   \
                          n, o, p, count, ...)                                 \
    count

#define HAPAX_TYPED_EACH_0(name, type) HAPAX_TYPED_CLEAR_(type, bytes, value)
#define HAPAX_TYPED_EACH_1(name, type, field) HAPAX_TYPED_FIELD_(field)
#define HAPAX_TYPED_EACH_2(name, type, field, ...)                             \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_1(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_3(name, type, field, ...)                             \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_2(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_4(name, type, field, ...)                             \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_3(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_5(name, type, field, ...)                             \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_4(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_6(name, type, field, ...)                             \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_5(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_7(name, type, field, ...)                             \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_6(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_8(name, type, field, ...)                             \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_7(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_9(name, type, field, ...)                             \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_8(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_10(name, type, field, ...)                            \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_9(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_11(name, type, field, ...)                            \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_10(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_12(name, type, field, ...)                            \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_11(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_13(name, type, field, ...)                            \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_12(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_14(name, type, field, ...)                            \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_13(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_15(name, type, field, ...)                            \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_14(name, type, __VA_ARGS__)
#define HAPAX_TYPED_EACH_16(name, type, field, ...)                            \
    HAPAX_TYPED_FIELD_(field) HAPAX_TYPED_EACH_15(name, type, __VA_ARGS__)

#endif

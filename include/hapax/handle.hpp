/* SPDX-License-Identifier: MIT */
/*
 * hapax/handle.hpp - handles as C++ types. Include <hapax.hpp>, which says how
 * the functions report errors.
 */
#ifndef HAPAX_HANDLE_HPP
#define HAPAX_HANDLE_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <hapax.h>

namespace hapax {

/* What a C function reported through errno. */
class error : public std::system_error {
public:
    error(int number, const char *what)
        : std::system_error(number, std::generic_category(), what)
    {
    }
};

namespace detail {

[[noreturn]] inline void fail(int number, const char *what)
{
    if (number == ENOMEM)
        throw std::bad_alloc();
    throw error(number, what);
}

template <class P> inline P checked(P pointer, const char *what)
{
    if (pointer == nullptr)
        fail(errno, what);
    return pointer;
}

inline void check(int result, const char *what)
{
    if (result != 0)
        fail(errno, what);
}

} /* namespace detail */

/* Whether values of the type may hold handles or other pointers to collected
 * memory. If a class holds none, specialize this variable as false for it; then
 * the collector does not search its values. */
template <class T>
inline constexpr bool holds_pointers =
    !std::is_arithmetic_v<T> && !std::is_enum_v<T>;

namespace detail {

template <class T, class = void> struct is_hashed : std::false_type {};
template <class T>
struct is_hashed<
    T, std::void_t<decltype(std::hash<T>()(std::declval<const T &>())),
                   decltype(std::declval<const T &>() ==
                            std::declval<const T &>())>>
    : std::true_type {};

template <class T>
std::uint64_t hash_value(const void *value, std::size_t, std::uint64_t) noexcept
{
    return std::hash<T>()(*static_cast<const T *>(value));
}

template <class T>
bool equal_values(const void *a, const void *b, std::size_t) noexcept
{
    return *static_cast<const T *>(a) == *static_cast<const T *>(b);
}

/* How values of the type are compared: with std::hash and operator== if it is a
 * class that has both, otherwise by their bytes. */
template <class T> inline hapax_type type_of() noexcept
{
    static_assert(std::is_trivially_copyable_v<T>,
                  "the value of a handle is copied as bytes");
    static_assert(alignof(T) <= alignof(std::max_align_t),
                  "the value of a handle is aligned as max_align_t at most");
    constexpr bool by_function =
        is_hashed<T>::value && (std::is_class_v<T> ||
                                !std::has_unique_object_representations_v<T>);
    static_assert(by_function || std::has_unique_object_representations_v<T>,
                  "equal values may differ in padding: "
                  "give the type operator== and std::hash");
    hapax_type type = {"C++ value", sizeof(T), nullptr, nullptr, nullptr,
                       holds_pointers<T> ? HAPAX_TYPE_HAS_POINTERS : 0u};
    if constexpr (by_function) {
        type.hash = hash_value<T>;
        type.equal = equal_values<T>;
    }
    return type;
}

template <class T> inline hapax_table *slot = nullptr;

/* NULL with errno if there is none. */
template <class T> inline hapax_table *table() noexcept
{
    if constexpr (std::is_same_v<T, std::string_view>) {
        return hapax_strings();
    } else {
        const hapax_type type = type_of<T>();
        return hapax_table_once(&slot<T>, &type);
    }
}

/* Throws if there is no table. Only failures call it, so that a lookup that
 * succeeds need not check. */
template <class T> inline void check_table()
{
    checked(table<T>(), "hapax_table_once");
}

template <class T> inline const void *bytes(const T &value) noexcept
{
    if constexpr (std::is_same_v<T, std::string_view>)
        return value.data();
    else
        return std::addressof(value);
}

template <class T> inline std::size_t size(const T &value) noexcept
{
    if constexpr (std::is_same_v<T, std::string_view>)
        return value.size();
    else
        return sizeof value;
}

} /* namespace detail */

/*
 * A handle: one word. Two handles of one type are equal if and only if their
 * values are equal. The empty handle is equal only to itself. A handle keeps
 * its value alive.
 *
 *   T   std::string_view: a byte string in hapax_strings(); or a trivially
 *       copyable type, which has a table of its own. The table compares values
 *       with std::hash and operator== if T is a class that has both, otherwise
 *       by their bytes
 */
template <class T = std::string_view> class handle {
public:
    using value_type = T;

    constexpr handle() noexcept = default;

    /* Interns the value. */
    explicit handle(const T &value)
        : canonical_(hapax_make_handle(detail::table<T>(),
                                       detail::bytes(value),
                                       detail::size(value)))
    {
        if (canonical_ == nullptr)
            refused();
    }

    /* The handle of a value if the table has it, otherwise the empty handle.
     * Never inserts. */
    static handle find(const T &value)
    {
        hapax_handle found = hapax_find_handle(
            detail::table<T>(), detail::bytes(value), detail::size(value));
        if (found == nullptr)
            detail::check_table<T>();
        return from(found);
    }

    /* Converts from and to the C library's handles. The handle must be one of
     * this type's table. */
    static handle from(hapax_handle canonical) noexcept
    {
        handle result;
        result.canonical_ = canonical;
        return result;
    }
    hapax_handle get() const noexcept { return canonical_; }

    explicit operator bool() const noexcept { return canonical_ != nullptr; }

    /* The value: as std::string_view, or as a reference, which is valid as long
     * as the value lives. */
    decltype(auto) operator*() const noexcept
    {
        if constexpr (std::is_same_v<T, std::string_view>)
            return view();
        else
            return static_cast<const T &>(*pointer());
    }
    const T *operator->() const noexcept
    {
        static_assert(!std::is_same_v<T, std::string_view>,
                      "a string is reached by view(), c_str() and size()");
        return pointer();
    }

    /* Only for handles of strings. */
    std::string_view view() const noexcept
    {
        static_assert(std::is_same_v<T, std::string_view>,
                      "only a string has a view");
        return {c_str() == nullptr ? "" : c_str(), size()};
    }
    operator std::string_view() const noexcept { return view(); }
    const char *c_str() const noexcept { return hapax_string(canonical_); }
    std::size_t size() const noexcept { return hapax_handle_size(canonical_); }

    std::uint64_t hash() const noexcept
    {
        return hapax_handle_hash(canonical_);
    }

    friend bool operator==(handle a, handle b) noexcept
    {
        return a.canonical_ == b.canonical_;
    }
    friend bool operator!=(handle a, handle b) noexcept
    {
        return a.canonical_ != b.canonical_;
    }
    /* The order is that of the values' bytes, with the empty handle first. */
    friend bool operator<(handle a, handle b) noexcept
    {
        return hapax_handle_compare(a.get(), b.get()) < 0;
    }
    friend bool operator>(handle a, handle b) noexcept { return b < a; }
    friend bool operator<=(handle a, handle b) noexcept { return !(b < a); }
    friend bool operator>=(handle a, handle b) noexcept { return !(a < b); }

private:
    [[noreturn]] static void refused()
    {
        int number = errno;
        detail::check_table<T>();
        detail::fail(number, "hapax_make_handle");
    }

    const T *pointer() const noexcept
    {
        return static_cast<const T *>(hapax_handle_value(canonical_));
    }

    hapax_handle canonical_ = nullptr;
};

static_assert(sizeof(handle<>) == sizeof(hapax_handle), "a handle is one word");

inline handle<> intern(std::string_view text)
{
    return handle<>(text);
}

} /* namespace hapax */

template <class T> struct std::hash<hapax::handle<T>> {
    std::size_t operator()(hapax::handle<T> of) const noexcept
    {
        return static_cast<std::size_t>(of.hash());
    }
};

#endif

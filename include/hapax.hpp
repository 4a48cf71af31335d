/* SPDX-License-Identifier: MIT */
/*
 * hapax.hpp - hapax for C++17 and later. Header only: every function is inline
 * and calls the C library.
 *
 *     hapax::handle<> word("lambda");          a string, stored once
 *     hapax::handle<point> p(point{1, 2});     of a trivially copyable type
 *     std::unordered_map<hapax::handle<>, int> hashes and compares the handles
 *
 * You may store handles in all memory that <hapax/memory.h> lists as searched.
 * Handles, weak pointers, caches and symbols are one word each, and are cheap
 * to copy.
 *
 * Errors: if a C function reports an error, these functions throw
 * std::bad_alloc for ENOMEM, and hapax::error, a std::system_error, for every
 * other number. No exception of the program's functions crosses the C library.
 * If the create function of a cache throws, the caller of get gets the
 * exception. If a cleanup, a destructor, a hash or an equality throws, the
 * program ends by std::terminate.
 */
#ifndef HAPAX_HPP
#define HAPAX_HPP

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <hapax/handle.hpp>

namespace hapax {

/*
 * Names that you know when you write the program, with an index each for a
 * switch: see <hapax/symbols.h>. Copies share the symbols.
 */
class symbols {
public:
    symbols(std::initializer_list<const char *> names)
        : symbols_(detail::checked(
              hapax_symbols_new(hapax_strings(), names.begin(), names.size()),
              "hapax_symbols_new"))
    {
    }

    /* -1 if the handle is none of the names. */
    int index(handle<> of) const noexcept
    {
        return hapax_symbols_index(symbols_, of.get());
    }
    handle<> operator[](std::size_t index) const noexcept
    {
        return handle<>::from(hapax_symbols_handle(symbols_, index));
    }

private:
    hapax_symbols *symbols_;
};

/*
 * Makes an object in collected memory, which the collector searches. The object
 * lives as long as something reaches it. If its type has a destructor, the
 * library calls the destructor some time later, as a finalizer, in a thread of
 * the library.
 */
template <class T, class... Arguments> T *make(Arguments &&...arguments)
{
    static_assert(alignof(T) <= alignof(std::max_align_t),
                  "collected memory is aligned as max_align_t at most");
    void *memory = detail::checked(hapax_alloc(sizeof(T)), "hapax_alloc");
    T *object = ::new (memory) T(std::forward<Arguments>(arguments)...);
    if constexpr (!std::is_trivially_destructible_v<T>) {
        const auto destroy = [](void *dead, void *) noexcept {
            static_cast<T *>(dead)->~T();
        };
        if (hapax_set_finalizer(object, destroy, nullptr) != 0) {
            const int reason = errno;
            object->~T();
            detail::fail(reason, "hapax_set_finalizer");
        }
    }
    return object;
}

/*
 * An allocator of memory that the collector searches for pointers, for
 * containers of handles in programs in which the collector does not search the
 * memory of malloc; see hapax_alloc_held.
 */
template <class T> class allocator {
public:
    using value_type = T;
    using is_always_equal = std::true_type;

    allocator() noexcept = default;
    template <class U> allocator(const allocator<U> &) noexcept {}

    T *allocate(std::size_t n)
    {
        static_assert(alignof(T) <= alignof(std::max_align_t),
                      "collected memory is aligned as max_align_t at most");
        if (n > static_cast<std::size_t>(-1) / sizeof(T))
            throw std::bad_array_new_length();
        return static_cast<T *>(detail::checked(
            hapax_alloc_held(n * sizeof(T)), "hapax_alloc_held"));
    }
    void deallocate(T *memory, std::size_t) noexcept { hapax_free(memory); }

    template <class U>
    friend bool operator==(const allocator &, const allocator<U> &) noexcept
    {
        return true;
    }
    template <class U>
    friend bool operator!=(const allocator &, const allocator<U> &) noexcept
    {
        return false;
    }
};

namespace detail {

inline const void *address(const void *pointer) noexcept
{
    return pointer;
}
template <class T> inline const void *address(handle<T> of) noexcept
{
    return of.get();
}

} /* namespace detail */

/*
 * Holds a handle or a pointer to a collected object, and keeps the object alive
 * by a pin. You may store a pinned<> in any memory.
 */
template <class P> class pinned {
public:
    pinned() noexcept = default;
    explicit pinned(P pointer) : pointer_(pointer)
    {
        if (detail::address(pointer_) != nullptr)
            detail::check(hapax_pin(detail::address(pointer_)), "hapax_pin");
    }
    pinned(const pinned &other) : pinned(other.pointer_) {}
    pinned(pinned &&other) noexcept
        : pointer_(std::exchange(other.pointer_, P()))
    {
    }
    pinned &operator=(pinned other) noexcept
    {
        std::swap(pointer_, other.pointer_);
        return *this;
    }
    ~pinned() { hapax_unpin(detail::address(pointer_)); }

    P get() const noexcept { return pointer_; }
    decltype(auto) operator*() const noexcept { return *pointer_; }
    P operator->() const noexcept { return pointer_; }

private:
    P pointer_{};
};

/*
 * A weak pointer: one word. It does not keep its object alive. Two weak
 * pointers are equal if and only if they were made from the same address of the
 * same object, even after the object has died.
 *
 *   T   the type of the object; or handle<U>, for a weak handle
 */
template <class T> class weak {
public:
    constexpr weak() noexcept = default;
    explicit weak(T *pointer)
        : cell_(pointer == nullptr ? nullptr
                                   : detail::checked(hapax_weak_make(pointer),
                                                     "hapax_weak_make"))
    {
    }

    /* The object, or NULL once it is unreachable. */
    T *lock() const noexcept
    {
        return static_cast<T *>(hapax_weak_value(cell_));
    }

    friend bool operator==(weak a, weak b) noexcept
    {
        return a.cell_ == b.cell_;
    }
    friend bool operator!=(weak a, weak b) noexcept
    {
        return a.cell_ != b.cell_;
    }

private:
    hapax_weak cell_ = nullptr;
};

template <class U> class weak<handle<U>> {
public:
    constexpr weak() noexcept = default;
    explicit weak(handle<U> of)
        : cell_(!of ? nullptr
                    : detail::checked(hapax_weak_make(of.get()),
                                      "hapax_weak_make"))
    {
    }

    /* The handle, or the empty one once the value is unreachable. */
    handle<U> lock() const noexcept
    {
        return handle<U>::from(
            static_cast<hapax_handle>(hapax_weak_value(cell_)));
    }

    friend bool operator==(weak a, weak b) noexcept
    {
        return a.cell_ == b.cell_;
    }
    friend bool operator!=(weak a, weak b) noexcept
    {
        return a.cell_ != b.cell_;
    }

private:
    hapax_weak cell_ = nullptr;
};

/*
 * A cleanup. The library calls its function object once, some time after an
 * object is unreachable, and then destroys the function object. Until then the
 * cleanup keeps everything alive that the function object reaches. If that
 * includes the object, the object never dies. The cleanup stays registered when
 * the hapax::cleanup is destroyed. An exception ends the program by
 * std::terminate.
 */
class cleanup {
public:
    cleanup() noexcept = default;

    template <class F> cleanup(const void *object, F function)
    {
        using box = boxed<F>;
        static_assert(alignof(box) <= alignof(std::max_align_t),
                      "collected memory is aligned as max_align_t at most");
        void *memory = detail::checked(hapax_alloc(sizeof(box)), "hapax_alloc");
        auto *fresh = ::new (memory) box(std::move(function));
        const auto run = [](void *argument) noexcept {
            static_cast<box *>(argument)->finish(true);
        };
        if (hapax_add_cleanup(object, run, fresh, &cleanup_) != 0) {
            const int reason = errno;
            fresh->finish(false);
            detail::fail(reason, "hapax_add_cleanup");
        }
        box_ = fresh;
    }

    /* Removes the cleanup, unless it has begun, and destroys the function
     * object. Never waits. May be called again. */
    void stop() noexcept
    {
        hapax_cleanup_stop(cleanup_);
        if (box_ != nullptr)
            box_->finish(false);
        box_ = nullptr;
    }

private:
    struct any_box {
        virtual void finish(bool call) noexcept = 0;

    protected:
        ~any_box() = default;
    };

    /* In collected memory. The first call of finish decides whether the
     * function is called. */
    template <class F> struct boxed final : any_box {
        explicit boxed(F &&function)
        {
            ::new (static_cast<void *>(room)) F(std::move(function));
        }
        void finish(bool call) noexcept override
        {
            /* Relaxed: the queue orders what came before the cleanup, and only
             * one of two calls that race goes on. */
            if (finished.exchange(true, std::memory_order_relaxed))
                return;
            F *function = std::launder(reinterpret_cast<F *>(room));
            if (call)
                (*function)();
            function->~F();
            std::memset(room, 0, sizeof room);
        }
        std::atomic<bool> finished{false};
        alignas(F) unsigned char room[sizeof(F)];
    };

    hapax_cleanup cleanup_ = {0, nullptr};
    any_box *box_ = nullptr;
};

/*
 * A weak cache: a map that creates each missing value once and does not keep it
 * alive; see <hapax/cache.h>. Copies share the cache.
 *
 *   K   std::string_view, or a trivially copyable type whose equal values have
 *       equal bytes
 *   V   the type of the objects; create returns V *, to collected memory or
 *       static data
 *
 * If create throws, get throws the same exception in the thread that called
 * create. In threads that waited for the value, get throws hapax::error with
 * EIO.
 */
template <class K, class V> class cache {
public:
    template <class F> explicit cache(F create)
    {
        static_assert(std::is_same_v<K, std::string_view> ||
                          (std::is_trivially_copyable_v<K> &&
                           std::has_unique_object_representations_v<K>),
                      "the cache compares keys by their bytes");
        context *fresh = make<functor<F>>(std::move(create));
        cache_ =
            detail::checked(hapax_cache_new(call, fresh), "hapax_cache_new");
    }

    /* The value of the key; never NULL. */
    V *get(const K &key) const
    {
        int reason = 0;
        void *value = hapax_cache_get(cache_, detail::bytes(key),
                                      detail::size(key), &reason);
        if (value == nullptr)
            refused(reason);
        return static_cast<V *>(value);
    }

private:
    struct context {
        virtual V *create(const K &key) = 0;

    protected:
        ~context() = default;
    };
    template <class F> struct functor final : context {
        explicit functor(F &&create) : function(std::move(create)) {}
        V *create(const K &key) override { return function(key); }
        F function;
    };

    /* What create has thrown in this thread. The call of get that it came from
     * takes it as soon as the C library returns. */
    inline static thread_local std::exception_ptr thrown;

    [[noreturn]] static void refused(int reason)
    {
        if (thrown)
            std::rethrow_exception(std::exchange(thrown, nullptr));
        detail::fail(reason, "hapax_cache_get");
    }

    static K key_of(const void *key, std::size_t size) noexcept
    {
        if constexpr (std::is_same_v<K, std::string_view>) {
            return {static_cast<const char *>(key), size};
        } else {
            alignas(K) unsigned char room[sizeof(K)];
            std::memcpy(room, key, sizeof room);
            return *std::launder(reinterpret_cast<K *>(room));
        }
    }

    static void *call(const void *key, std::size_t size, void *data,
                      int *error) noexcept
    {
        try {
            const void *made =
                static_cast<context *>(data)->create(key_of(key, size));
            return const_cast<void *>(made);
        } catch (...) {
            thrown = std::current_exception();
            *error = EIO;
            return nullptr;
        }
    }

    hapax_cache *cache_;
};

} /* namespace hapax */

#endif

# The manual pages: tests/man-lint.sh and tests/man-examples.sh find a new one by themselves.

dist_man_MANS = \
	man/hapax.1 \
	man/hapax.7 \
	man/hapax_add_cleanup.3 \
	man/hapax_add_roots.3 \
	man/hapax_alloc.3 \
	man/hapax_alloc_plain.3 \
	man/hapax_cleanup_stop.3 \
	man/hapax_collect.3 \
	man/hapax_find_handle.3 \
	man/hapax_handle_hash.3 \
	man/hapax_handle_size.3 \
	man/hapax_handle_value.3 \
	man/hapax_hash.3 \
	man/hapax_init.3 \
	man/hapax_intern.3 \
	man/hapax_keep_alive.3 \
	man/hapax_make_handle.3 \
	man/hapax_make_handle_hashed.3 \
	man/hapax_make_handles.3 \
	man/hapax_pin.3 \
	man/hapax_remove_roots.3 \
	man/hapax_run_cleanups.3 \
	man/hapax_set_cleanup_threads.3 \
	man/hapax_set_finalizer.3 \
	man/hapax_stats.3 \
	man/hapax_strings.3 \
	man/hapax_table_each.3 \
	man/hapax_table_new.3 \
	man/hapax_table_stats.3 \
	man/hapax_unpin.3 \
	man/hapax_version.3 \
	man/hapax_wait_cleanups.3 \
	man/hapax_weak_make.3 \
	man/hapax_weak_value.3

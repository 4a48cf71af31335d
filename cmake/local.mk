# SPDX-License-Identifier: MIT
# For find_package(hapax) of CMake; configure writes both files.

cmakedir = $(libdir)/cmake/hapax
nodist_cmake_DATA = \
	cmake/hapaxConfig.cmake \
	cmake/hapaxConfigVersion.cmake

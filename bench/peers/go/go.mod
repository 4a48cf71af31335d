// SPDX-License-Identifier: MIT
module hapax-bench-go

go 1.24

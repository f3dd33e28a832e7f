// SPDX-License-Identifier: BSD-3-Clause

module nexpath/tests/interop/http1/second

go 1.24

// SPDX-License-Identifier: BSD-3-Clause

module nexpath/tests/interop/probe/target

go 1.24

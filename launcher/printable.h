// SPDX-License-Identifier: Apache-2.0
// printable: text from outside (a process's name, a file's, a supervisor's answer) on its way to a terminal. A control
// sequence in it must not reach the terminal, nor may a line break make one line look like two.
//
// Tested by tests/unit/launcher/printable_test.cc.
#ifndef FORCEBIND_LAUNCHER_PRINTABLE_H_
#define FORCEBIND_LAUNCHER_PRINTABLE_H_

#include <string>

namespace forcebind {

// Printable ASCII as it is, a backslash doubled, every other byte as \xNN. One byte of the result is one column.
std::string Printable(const std::string& text);

// As Printable(), but well-formed UTF-8 (RFC 3629) stays, unless the character controls a terminal or the direction of
// text; and so does a backslash. For whole lines, which name the user's own files.
std::string PrintableLine(const std::string& text);

}  // namespace forcebind

#endif  // FORCEBIND_LAUNCHER_PRINTABLE_H_

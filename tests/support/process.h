// tests/support/process.h: a program started by a test, its output in files, never left behind: it is killed with the
// Process, and by the kernel when the test dies.
// Thread  one.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "support/patience.h"

namespace davenport::testing {

// A new directory of its own, removed with everything in it unless keep() was called.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  void keep() { keep_ = true; }

 private:
  std::string path_;
  bool keep_ = false;
};

void write_file(const std::string& path, const std::string& content);   // replaced at once, by rename(2)
std::string read_file(const std::string& path);                         // "" where there is none

class Process {
 public:
  // `arguments[0]` is the program. Standard output and error go to the two files.
  Process(const std::vector<std::string>& arguments, const std::string& stdout_path, const std::string& stderr_path);
  ~Process();                                     // SIGKILL where it still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number);
  bool running();
  // The exit status, 128 + n after signal n. Throws TimedOut when it does not end.
  int await_exit(std::chrono::milliseconds patience = kPatience);

 private:
  bool reap();
  pid_t pid_ = -1;
  std::optional<int> status_;
};

}  // namespace davenport::testing

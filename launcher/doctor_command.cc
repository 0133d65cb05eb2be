// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "launcher/command.h"
#include "launcher/doctor_probes.h"
#include "launcher/doctor_report.h"
#include "launcher/output.h"

namespace forcebind {
namespace {

struct DoctorOptions {
  bool json = false;
  std::optional<std::string> supervisor;
};

int Doctor(const DoctorOptions& options) {
  const Diagnosis diagnosis = Diagnose(GatherDoctorFacts(options.supervisor));
  const int printed = Print(options.json ? DiagnosisAsJson(diagnosis) : FormatDiagnosis(diagnosis));
  return diagnosis.run_works ? printed : kFailed;
}

}  // namespace

CommandFunction DeclareDoctor(CLI::App& parser) {
  auto options = std::make_shared<DoctorOptions>();
  parser.add_flag("--json", options->json, "print the checks as JSON");
  parser.add_option("--supervisor", options->supervisor, "the supervisor's socket, or \"none\": ask nobody")
      ->type_name("PATH|none");
  parser.footer("Exit status: 0 if `forcebind run` works here; 1 if it does not; 125 for a usage error.\n");
  return [options] { return Doctor(*options); };
}

}  // namespace forcebind

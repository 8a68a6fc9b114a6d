#pragma once

// The closed set of events that a gateway publishes, the check of a publish, and the events' wire
// form.

#include "base/bytes.hpp"
#include "crier/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crier::catalog {

/// A checked event, ready to be stored: the envelope without its timestamp, keys in the order
/// event, programId, requestId, data, performedBy. `data` is kept as it was written.
struct Publication {
  std::string event;
  Bytes body;
};

class Catalog {
 public:
  /// The eleven events of the built-in catalogue, `request:created` … `chain:step_advanced`.
  static Catalog built_in();

  /// Checks a publish body `{"event","requestId","data","performedBy":{"userId","name"}}`: all
  /// required, `data` an object, requestId a string of 1–128 bytes, userId and name strings
  /// (userId 1–128 bytes; name at most 256), no unknown member anywhere outside `data`.
  /// `program` must be UTF-8. Errors: 400 `not_json`, `bad_utf8`, `duplicate_key`, `too_deep`; 422
  /// `unknown_event`, `missing_member`, `unknown_member`, `wrong_type`, `too_long`, `too_short`,
  /// with `path`.
  [[nodiscard]] Result<Publication> check(std::string_view program, std::string_view body) const;

  [[nodiscard]] const std::vector<std::string>& events() const { return events_; }

 private:
  [[nodiscard]] Result<std::string> event_in(std::string_view value) const;

  explicit Catalog(std::vector<std::string> events) : events_(std::move(events)) {}
  std::vector<std::string> events_;
};

/// The arguments of the Socket.IO event for a stored body: `["request:created",{…,"timestamp":
/// "2026-…Z"},"id"]`; two elements without an id (an unnumbered event). `timestamp_ms` counts from
/// 1970. Empty if `body` does not begin and end as check() writes it (a foreign record in a store);
/// nothing else is checked.
std::string event_arguments(std::string_view body, std::int64_t timestamp_ms, std::string_view id);

}  // namespace crier::catalog

// The order and the bookkeeping of a connection's unsent bytes.
#include "web/outbox.hpp"

#include "base/assert.hpp"

namespace crier::web {

namespace {

constexpr std::size_t kept_pieces_max = 16;

}  // namespace

void Outbox::clear() {
  auto pieces = std::move(pieces_);
  if (pieces.capacity() > kept_pieces_max) pieces = {};
  pieces.clear();
  *this = {};
  pieces_ = std::move(pieces);
}

bool Outbox::add_rest(Bytes piece, std::size_t sent) {
  CRIER_ASSERT(sent == 0 || pieces_.empty());
  const bool due = add(std::move(piece));
  if (sent > 0) {
    offset_ = sent;
    bytes_ -= sent;
  }
  return due;
}

// Only the last of the pings that came before their pongs could leave need be answered (RFC 6455
// section 5.5.3): a peer that does not read cannot make pongs pile up.
bool Outbox::add_pong(Bytes pong) {
  if (pieces_.size() - next_ < pieces_before_pongs_merge) return add(std::move(pong));
  pong_ = std::move(pong);
  return false;
}

std::span<const iovec> Outbox::offer(std::span<iovec> pieces, std::size_t bytes_max) {
  if (bytes_ == 0) {
    if (pong_.empty()) return {};
    bytes_ = pong_.size();
    pieces_.push_back(std::exchange(pong_, Bytes()));
  }
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::size_t offset = offset_;
  for (std::size_t i = next_; i < pieces_.size(); ++i) {
    if (count == pieces.size() || bytes >= bytes_max) break;
    const auto view = pieces_[i].view().substr(std::exchange(offset, 0));
    pieces[count++] = {const_cast<char*>(view.data()), view.size()};
    bytes += view.size();
  }
  return pieces.first(count);
}

void Outbox::taken(std::size_t bytes, TimePoint now) {
  CRIER_ASSERT(bytes <= bytes_);
  taken_at_ = now;
  bytes_ -= bytes;
  std::size_t sent = offset_ + bytes;
  while (next_ < pieces_.size() && sent >= pieces_[next_].size()) {
    sent -= pieces_[next_].size();
    pieces_[next_++] = Bytes();
  }
  offset_ = sent;
  if (next_ * 2 > pieces_.size()) {  // sent pieces must not add up either
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
  }
}

}  // namespace crier::web

#pragma once

#include "client.hpp"
#include "frames.hpp"

namespace load {

class WebSocketClient final : public Client {
 public:
  using Client::Client;
  void ready(std::uint32_t events) override;
  void sip(std::size_t most) override;

 private:
  void connect() override;
  void disconnect() override;
  void transmit(std::string_view packet) override;
  bool read(std::size_t most, bool to_the_end);
  std::size_t upgrade(std::string_view bytes);
  std::size_t frames(std::string_view bytes, std::int64_t now);
  void frame(const Frame& frame, std::int64_t now);

  Stream stream_;
  std::string rest_;      ///< Read and not whole yet.
  std::string fragment_;  ///< Of a message in several frames.
  bool upgraded_ = false;
};

}  // namespace load

#pragma once

#include "client.hpp"

namespace load {

/// Over long polling: a connection for GETs, of which one always waits, and one for POSTs.
class PollingClient final : public Client {
 public:
  PollingClient(Shared& shared, std::size_t index, std::string auth)
      : Client(shared, index, std::move(auth)), polls_(*this), posts_(*this) {}
  void ready(std::uint32_t events) override;
  /// A poll is read whole or not at all.
  void sip(std::size_t most) override { (void)most; }

 private:
  /// A kept connection with one request after the other.
  struct Channel final : Ready {
    explicit Channel(PollingClient& client) : client(client) {}
    void ready(std::uint32_t events) override;
    PollingClient& client;
    Stream stream;
    std::string rest;      ///< Start of an answer that is not whole yet.
    bool waiting = false;  ///< For an answer.
  };

  void connect() override;
  void disconnect() override;
  void transmit(std::string_view packet) override;
  void opened(std::string_view handshake) override;

  void poll();
  void post();
  void request(Channel& channel, std::string_view method, std::string_view body);
  void read(Channel& channel, std::string_view bytes);
  void answered(Channel& channel, int status, std::string_view body);
  void payload(std::string_view body);

  Channel polls_;
  Channel posts_;
  std::string sid_;
  std::string unsent_;  ///< Packets, while a POST has no answer.
};

}  // namespace load

/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4+UDP datagrams as a packet socket (SOCK_DGRAM, ETH_P_IP) sends and gets them: with their IP header. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UDP_FRAME_HEADERS 28

/* Returns the length of the datagram in out, 0 when size is too small. */
size_t udp_frame_build(uint8_t *out, size_t size, struct in_addr src, uint16_t src_port, struct in_addr dst,
		       uint16_t dst_port, const void *payload, size_t len);
/*
 * The payload of a whole, unfragmented datagram to dst_port; NULL when it isn't one or a checksum is wrong.
 * udp_checksum false: the sender left it to hardware that was never passed (TP_STATUS_CSUMNOTREADY).
 */
const uint8_t *udp_frame_payload(const uint8_t *frame, size_t size, uint16_t dst_port, bool udp_checksum, size_t *len);

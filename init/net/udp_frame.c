/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net/udp_frame.h"

#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>

/* RFC 1071; sum carries over between pieces, each but the last of even length. */
static uint32_t sum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 1; p += 2, len -= 2)
		sum += (uint32_t)(p[0] << 8 | p[1]);
	if (len)
		sum += (uint32_t)(p[0] << 8);
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Over the pseudo header, the UDP header and the payload (RFC 768). */
static uint16_t udp_sum(const struct iphdr *ip, const uint8_t *udp, size_t len)
{
	uint32_t sum = sum_add(0, &ip->saddr, 8);

	sum += IPPROTO_UDP + (uint32_t)len;
	return sum_fold(sum_add(sum, udp, len));
}

size_t udp_frame_build(uint8_t *out, size_t size, struct in_addr src, uint16_t src_port, struct in_addr dst,
		       uint16_t dst_port, const void *payload, size_t len)
{
	size_t total = UDP_FRAME_HEADERS + len;

	if (total > size || total > 0xffff)
		return 0;
	struct iphdr ip = {
		.version = 4, .ihl = 5, .tos = IPTOS_CLASS_CS6, .tot_len = htons((uint16_t)total),
		.frag_off = htons(IP_DF), .ttl = 64, .protocol = IPPROTO_UDP, .saddr = src.s_addr, .daddr = dst.s_addr,
	};
	struct udphdr udp = { .source = htons(src_port), .dest = htons(dst_port),
			      .len = htons((uint16_t)(len + sizeof(udp))) };

	ip.check = htons(sum_fold(sum_add(0, &ip, sizeof(ip))));
	memcpy(out, &ip, sizeof(ip));
	memcpy(out + sizeof(ip), &udp, sizeof(udp));
	memcpy(out + UDP_FRAME_HEADERS, payload, len);
	uint16_t check = udp_sum(&ip, out + sizeof(ip), len + sizeof(udp));
	udp.check = htons(check ? check : 0xffff);
	memcpy(out + sizeof(ip), &udp, sizeof(udp));
	return total;
}

const uint8_t *udp_frame_payload(const uint8_t *frame, size_t size, uint16_t dst_port, bool udp_checksum, size_t *len)
{
	struct iphdr ip;
	struct udphdr udp;

	if (size < sizeof(ip))
		return NULL;
	memcpy(&ip, frame, sizeof(ip));
	size_t header = ip.ihl * 4u, total = ntohs(ip.tot_len);
	if (ip.version != 4 || header < sizeof(ip) || total > size || total < header + sizeof(udp) ||
	    ip.protocol != IPPROTO_UDP || (ntohs(ip.frag_off) & (IP_MF | IP_OFFMASK)))
		return NULL;
	if (sum_fold(sum_add(0, frame, header)) != 0)
		return NULL;
	memcpy(&udp, frame + header, sizeof(udp));
	size_t udp_len = ntohs(udp.len);
	if (ntohs(udp.dest) != dst_port || udp_len < sizeof(udp) || udp_len > total - header)
		return NULL;
	if (udp_checksum && udp.check && udp_sum(&ip, frame + header, udp_len) != 0)
		return NULL;
	*len = udp_len - sizeof(udp);
	return frame + header + sizeof(udp);
}

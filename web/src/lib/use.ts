import type { JobUse } from '../types';
import { duration } from './time';

const MIB = 1024 * 1024;

/** What was counted, in one line: 87 MiB of memory, 1.3 s of processor, 3 MiB on disk. */
export function useInWords(use: JobUse): string {
  const parts = [];
  if (use.peakMemoryBytes !== null) parts.push(`${size(use.peakMemoryBytes)} of memory`);
  if (use.cpuSeconds !== null) parts.push(`${duration(use.cpuSeconds * 1000)} of processor`);
  if (use.diskBytes !== null) parts.push(`${size(use.diskBytes)} on disk`);
  return parts.join(', ');
}

/** What a command used, as short as it stands beside its time: 312 MiB · 3.1 s cpu · +45 MiB disk. */
export function useInShort(use: JobUse): string {
  const parts = [];
  if (use.peakMemoryBytes !== null) parts.push(size(use.peakMemoryBytes));
  if (use.cpuSeconds !== null) parts.push(`${duration(use.cpuSeconds * 1000)} cpu`);
  if (use.diskBytes !== null && use.diskBytes >= MIB) parts.push(`+${size(use.diskBytes)} disk`);
  return parts.join(' · ');
}

function size(bytes: number): string {
  if (bytes >= 1024 * MIB) return `${(bytes / (1024 * MIB)).toFixed(1)} GiB`;
  return bytes > 0 && bytes < MIB ? '< 1 MiB' : `${Math.floor(bytes / MIB)} MiB`;
}

/* SPDX-License-Identifier: Apache-2.0 */
double work(unsigned n);

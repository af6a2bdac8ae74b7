#!/usr/bin/env perl
# SPDX-License-Identifier: MIT
# Makes a GeoIP City database (MaxMind format) from a CSV of places: geo.pl PLACES.csv OUT.mmdb
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

my ($csv, $out) = @ARGV;
die "usage: geo.pl PLACES.csv OUT.mmdb\n" unless defined $out;

my %types = (
    city           => 'map',      continent   => 'map',
    country        => 'map',      location    => 'map',
    subdivisions   => [ 'array', 'map' ],
    names          => 'map',      en          => 'utf8_string',
    code           => 'utf8_string', iso_code => 'utf8_string',
    latitude       => 'double',   longitude   => 'double',
    accuracy_radius => 'uint16',
);

my $tree = MaxMind::DB::Writer::Tree->new(
    database_type           => 'GeoLite2-City',
    description             => { en => 'byeori demonstration: loopback addresses in cities' },
    ip_version              => 6,
    record_size             => 28,
    languages               => ['en'],
    alias_ipv6_to_ipv4      => 1,
    remove_reserved_networks => 0,    # loopback is reserved, and is all there is here
    map_key_type_callback   => sub { $types{ $_[0] } // 'utf8_string' },
);

open my $in, '<', $csv or die "$csv: $!\n";
my $head = <$in>;
while (my $line = <$in>) {
    chomp $line;
    next if $line =~ /^\s*(#|$)/;
    my ($net, $city, $region, $country, $continent, $lat, $lon, $radius) = split /,/, $line;
    my %record = (
        city      => { names => { en => $city } },
        continent => { code => $continent },
        country   => { iso_code => $country },
        location  => { latitude => $lat, longitude => $lon, accuracy_radius => $radius },
    );
    $record{subdivisions} = [ { names => { en => $region } } ] if $region ne '';
    $tree->insert_network($net, \%record);
}
open my $to, '>:raw', "$out.new" or die "$out.new: $!\n";
$tree->write_tree($to);
close $to or die "$out.new: $!\n";
rename "$out.new", $out or die "$out: $!\n";
